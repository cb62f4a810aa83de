"""The lists of notebooks and modules hold everything that git knows, each once."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from listing import (
    FRONT,
    LESSONS,
    MADE,
    MODULES,
    NOTEBOOKS,
    PACKAGE,
    ROOT,
    TAUGHT_IN,
    WORKSHOP,
    code,
    exports,
    label,
    lessons,
    made,
    makes,
    modules,
    plain,
    workshop,
)
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook


def known_to_git(*patterns: str) -> set[Path]:
    "What git tracks and what it would, and is there."
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return {ROOT / name for name in names if (ROOT / name).is_file()}


def test_every_notebook_is_listed():
    assert known_to_git("nbs/*.ipynb") == set(NOTEBOOKS)  # git's * stops at no folder
    assert not known_to_git("*.ipynb") - set(NOTEBOOKS) - {ROOT / "tools" / "template.ipynb"}


def test_every_module_is_listed():
    assert known_to_git(f"{PACKAGE}/*.py") == {*MODULES.values(), ROOT / PACKAGE / "_modidx.py"}


def test_every_module_has_its_notebook():
    fronts = {name for name, path in MODULES.items() if path.name == "__init__.py"} - set(MADE)
    assert set(MADE) == set(MODULES) - fronts
    assert {name.rpartition(".")[0] for name in MADE} >= fronts, "a package without a module"
    assert max(Counter(name for path in NOTEBOOKS for name in makes(path)).values()) == 1, "made twice"


def test_shelves_are_in_order():
    names = [path.stem for path in LESSONS]
    numbered = [name for name in names if re.fullmatch(r"\d\d_[a-z]+", name)]
    assert [int(label(path)) for path in LESSONS if path.stem in numbered] == list(
        range(1, 1 + len(numbered))
    )
    assert names == ["start", *numbered, "problems", "whole"]
    assert max(Counter(path.stem for path in NOTEBOOKS).values()) == 1, "tests and tools go by names"
    assert set(TAUGHT_IN.values()) <= set(names) and [FRONT, *LESSONS, *WORKSHOP] == NOTEBOOKS
    guides = [path.stem for path in WORKSHOP if not makes(path)]
    assert guides == ["own_attributes", "teaching"], "the rest of the workshop is of what makes the package"


@pytest.fixture
def planted(tmp_path):
    "A project of three notebooks."
    for name, *cells in (
        ("10_b", "#| default_exp b", "#| export a\nx = 1", "#| exporti\ny = 1", "#| export a\nz = 1"),
        ("9_a", "#| default_exp a"),
        ("workshop/c", "#| default_exp p.__init__", "# an #| export is none"),
        ("start", "#|default_exp s"),
        ("index", "1"),
    ):
        path = tmp_path / "nbs" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
    return tmp_path


def test_notebooks_tell_what_they_make(planted):
    assert [path.stem for path in lessons(planted)] == ["start", "10_b", "9_a"]
    assert {name: path.stem for name, path in made(planted).items()} == {
        "s": "start",
        "b": "10_b",
        "a": "9_a",
        "p": "c",
    }
    assert makes(planted / "nbs" / "10_b.ipynb") == ["b", "a"]
    assert [exports(source) for source in code(planted / "nbs" / "10_b.ipynb")] == [None, "a", "", "a"]
    assert [path.stem for path in workshop(planted)] == ["c"]
    assert modules(planted) == {}


def test_lines_for_the_shell_are_no_python():
    assert plain("if x:\n    !git clone\n%cd y\nz = 1") == "if x:\n    pass\npass\nz = 1"
