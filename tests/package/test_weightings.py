"""The tool that compares weightings: run by run, nothing twice, and never two studies in one file."""

import sys
from pathlib import Path

import pytest
import weightings

from reid_course.engine.files import read_json

TINY = ["--people", "8", "--size", "32", "16", "--p", "4", "--k", "2", "--epochs", "1"]
ONCE = ["--seeds", "1", "--tuning-seeds", "1"]


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    "Call the command; what its file then holds."

    def call(*words: str) -> dict:
        file = tmp_path / "found.json"
        own = ["--runs", str(tmp_path / "runs")]
        monkeypatch.setattr(sys, "argv", ["weightings.py", str(file), *TINY, *ONCE, *own, *words])
        weightings.main()
        return read_json(file)

    return call


def test_file_grows_run_by_run(compare, tmp_path: Path, capsys: pytest.CaptureFixture):
    first = compare("--weightings", "plain sum")
    assert [(row["weighting"], row["seed"], row["split"]) for row in first["rows"]] == [("plain sum", 0, 0)]
    assert "plain sum, split 0, seed 0: accuracy" in capsys.readouterr().out
    both = compare("--weightings", "plain sum", "1/L")
    assert both["rows"][0] == first["rows"][0] and both["rows"][1]["weighting"] == "1/L"
    assert capsys.readouterr().out.count("accuracy") == 1  # what is there was not trained again
    assert [*both] == ["data", "images", "tuned_on", "judged_on", "settings", "machines", "rows"]
    assert both["data"].startswith("MiniMarket, course layout, 8 people")
    assert not list((tmp_path / "runs" / "weightings-found").iterdir())
    for words, said in (
        (("--lr", "0.1"), r"study with lr = 0.002, not 0.1; expected the same"),
        (("--people", "9"), r"study with data = MiniMarket, course layout, 8 people"),
        (("--judged-on", "2"), r"study with judged_on = 0, not 2"),
        (("--size", "32", "24"), r"study with images = \w+, not \w+"),
        (("--judged-on", "1", "--weightings", "random"), r"study with judged_on = 0, not 1"),
    ):
        with pytest.raises(SystemExit, match=said):
            compare(*words)
    assert compare("--weightings", "1/L") == both


def test_settings_are_those_of_drawn_or_real_people():
    assert weightings.DRAWN.keys() == weightings.REAL.keys()
    same = {name for name, x in weightings.DRAWN.items() if weightings.REAL[name] == x}
    assert same == set(weightings.BOTH)
