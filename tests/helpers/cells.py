"""What `make mutants` runs beside the modules' own tests: the test cells of their lessons, on the shipped module."""

import importlib
import re

import matplotlib
import pytest
from listing import MADE, exports
from replaced import cells, execute, names

MODULES = ("triplet", "uncertainty", "metrics")
TRAININGS = re.compile(r"\b(run|train|measure|untrained)\(")  # and what asks a network for many points


def untrained(
    sources: list[str],  # of cells, in order
) -> list[str]:  # of them
    "A lesson without its trainings and what comes of them."
    kept: list[str] = []
    lost: set[str] = set()  # names
    for source in sources:
        made, read = names(source)
        if TRAININGS.search(source) or (read - made) & lost:
            lost |= made
        else:
            lost -= made
            kept.append(source)
    return kept


def needed(
    sources: list[str],  # of cells, in order
) -> list[str]:  # the cells that test something, and those that make what they read
    "A lesson without its figures and experiments."
    kept: list[str] = []
    wanted: set[str] = set()
    for source in reversed(sources):
        made, read = names(source)
        if re.search(r"^(test_\w+\(|assert )", source, re.M) or made & wanted:
            kept.insert(0, source)
            wanted |= read
    return kept


@pytest.mark.parametrize("name", MODULES)
def test_cells_hold(name: str, monkeypatch: pytest.MonkeyPatch):
    matplotlib.use("Agg")
    monkeypatch.chdir(MADE[name].parent)
    module = vars(importlib.import_module(f"reid_course.{name}"))
    space = {"__name__": "lesson", "display": print} | {n: v for n, v in module.items() if n[:2] != "__"}
    tested = needed(untrained([s for s, _ in cells(MADE[name]) if exports(s) is None]))
    assert tested
    execute(tested, space)
