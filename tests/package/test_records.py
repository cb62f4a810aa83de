"""What is published of runs: no value has changed since it was measured, and no path and nobody's name is in it."""

import hashlib
import json
import re
from typing import Any

from listing import ROOT

RUNS = ROOT / "results" / "runs"
# of the values of all records of version 0.1, whose configuration lists people by number; options and columns got other
# names since, and what was called "merit" is called "selection_score". MiniMarket's were measured anew on other people.
MEASURED = "c11703cae49fab0a23e10a4a2a14797c58244943c295a7b1c57775a70606ca7b"
N_MEASURED = 93


def leaves(content: Any) -> list:
    "All values in their order, whatever they are called."
    if isinstance(content, dict | list):
        inside = content.values() if isinstance(content, dict) else content
        return [value for part in inside for value in leaves(part)]
    return ["selection_score" if content == "merit" else content]


def measured() -> dict[str, dict]:
    "The records of version 0.1 by file name."
    found = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in sorted(RUNS.glob("*.json"))}
    return {name: r for name, r in found.items() if isinstance(r["config"]["train_identities"], list)}


def test_no_measured_value_has_changed():
    digest, records = hashlib.sha256(), measured()
    for name, content in records.items():
        digest.update(json.dumps([name, leaves(content)]).encode())
    assert (len(records), digest.hexdigest()) == (N_MEASURED, MEASURED)


def test_options_and_columns_have_the_names_of_today():
    old = {"s_ar", "s_id", "s_speed", "balance", "identity", "erase", "ema", "flip", "stock_epochs", "watch"}
    for name, content in measured().items():
        assert not old & {*content["config"], *content["log"][0], *content["best"]}, name


def test_records_hold_no_path():
    for file in RUNS.glob("*.json"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r'"[^"]*(?:/[a-z]|\\\\)', text), file.name


def test_leaves_are_in_order():
    assert leaves({"a": [1, {"b": None}], "c": "merit"}) == [1, None, "selection_score"]
