"""What `make mutants` runs beside the modules' own tests: the test cells of their lessons, on the shipped module."""

import ast
import importlib
import re

import matplotlib
import pytest
from listing import MADE
from replaced import cells, execute

MODULES = ("triplet", "uncertainty", "metrics")
# what is tested, and trainings
PASSED_OVER = re.compile(r"^#\|\s*exports?i?\s*$|\b(run|train|measure)\(", re.M)


def names(
    source: str,  # of a cell
    context: type[ast.expr_context],  # ast.Load: what it reads; ast.Store: what it makes
) -> set[str]:
    "The names in a cell, those of imports and definitions too."
    tree = ast.parse(source)
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, context)}
    if context is ast.Store:
        found |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)} | {
            (a.asname or a.name).split(".")[0]
            for n in ast.walk(tree)
            if isinstance(n, ast.Import | ast.ImportFrom)
            for a in n.names
        }
    return found


def needed(
    sources: list[str],  # of cells, in order
) -> list[str]:  # the cells that test something, and those that make what they read
    "A lesson without its figures and experiments."
    kept: list[str] = []
    wanted: set[str] = set()
    for source in reversed(sources):
        if re.search(r"^(test_\w+\(|assert )", source, re.M) or names(source, ast.Store) & wanted:
            kept.insert(0, source)
            wanted |= names(source, ast.Load)
    return kept


@pytest.mark.parametrize("name", MODULES)
def test_cells_hold(name: str, monkeypatch: pytest.MonkeyPatch):
    matplotlib.use("Agg")
    monkeypatch.chdir(MADE[name].parent)
    module = vars(importlib.import_module(f"reid_course.{name}"))
    space = {"__name__": "lesson", "display": print} | {n: v for n, v in module.items() if n[:2] != "__"}
    todo = [s for s, _ in cells(MADE[name])]
    execute(needed([s for s in todo if not PASSED_OVER.search(s)]), space)
