"""Modules, functions, tests and tools are short."""

import statistics

import pytest
from counting import bodies, lines_of_code
from listing import MODULES, ROOT
from notebooks import stem

LONGEST = 220  # lines of code


@pytest.mark.parametrize("path", MODULES.values(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_module_is_short(path):
    assert lines_of_code(path.read_text(encoding="utf-8")) <= LONGEST


@pytest.mark.parametrize("path", [*(ROOT / "tests").rglob("*.py"), *(ROOT / "tools").glob("*.py")], ids=stem)
def test_file_is_short(path):
    assert lines_of_code(path.read_text(encoding="utf-8")) <= LONGEST


def test_functions_are_short():
    found = {
        f"{name}:{function}": n
        for name, path in MODULES.items()
        for function, n in bodies(path.read_text(encoding="utf-8")).items()
    }
    lengths = sorted(found.values())
    assert {name: n for name, n in found.items() if n > 40} == {}
    assert lengths[int(0.9 * len(lengths))] <= 14 and statistics.median(lengths) <= 5


def test_most_modules_are_far_shorter():
    lengths = [lines_of_code(path.read_text(encoding="utf-8")) for path in MODULES.values()]
    assert statistics.median([n for n in lengths if n]) <= 110  # the fronts of packages are empty


def test_bodies_are_counted():
    source = (
        'def f():\n    """Doc."""\n    # why\n    a = 1\n\n    def g():\n        return a\n    return g\n'
    )
    assert bodies(source) == {"1: f": 4, "6: g": 1}


def test_only_code_is_counted():
    source = '"""Doc\nstring."""\n\n# comment\ndef f(\n    a,  # what\n):\n    "Doc."\n    return """two\nlines"""\n'
    assert lines_of_code(source) == 5
