"""Every notebook holds for the package as it ships, and each exported function would be missed by a cell."""

import shutil
from pathlib import Path

import nbformat
import pytest
from listing import MADE, ROOT
from notebooks import stem
from support import run


def without_functions(path: Path) -> tuple[int, str]:
    "A lesson run on the exported package, and again without each of its functions: exit code, what went unnoticed."
    return run("python", ROOT / "tests" / "helpers" / "replaced.py", path, seconds=600)


@pytest.mark.parametrize("path", dict.fromkeys(MADE.values()), ids=stem)
def test_lesson_holds_for_the_package_and_would_miss_each_function(path):
    assert without_functions(path) == (0, "")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    "A project of one lesson, whose package does what the lesson says."
    shutil.copy(ROOT / "settings.ini", tmp_path)
    (tmp_path / "nbs").mkdir()
    (tmp_path / "reid_course").mkdir()
    (tmp_path / "reid_course" / "__init__.py").touch()
    cells = [
        "#| default_exp one",
        "#| export\ndef one(): return 1\n\ndef two(): return 2",
        "assert one() == 1",
    ]
    lesson = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(lesson, tmp_path / "nbs" / "00_one.ipynb")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_function_that_no_cell_would_miss_is_named(tiny):
    (tiny / "reid_course" / "one.py").write_text("def one(): return 1\n\ndef two(): return 2\n")
    exit_code, output = without_functions(tiny / "nbs" / "00_one.ipynb")
    assert exit_code == 0 and output == "00_one.ipynb: two could return None and no cell would notice\n"


def test_lesson_that_does_not_hold_for_the_package_fails(tiny):
    (tiny / "reid_course" / "one.py").write_text("def one(): return 3\n\ndef two(): return 2\n")
    exit_code, output = without_functions(tiny / "nbs" / "00_one.ipynb")
    assert exit_code == 1 and "AssertionError" in output
