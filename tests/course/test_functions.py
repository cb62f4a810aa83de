"""Every notebook holds for the package as it ships, and each exported function would be missed by a cell."""

import shutil
from pathlib import Path

import nbformat
import pytest
from listing import MADE, ROOT
from support import run

SHARES = 15  # of the notebooks, each in one process that imports torch once


def without_functions(*paths: Path) -> tuple[int, str]:
    "Lessons run on the exported package, and again without each of their functions: exit code, what went unnoticed."
    return run("python", ROOT / "tests" / "helpers" / "replaced.py", *paths, seconds=1200)


@pytest.mark.parametrize("share", range(SHARES))
def test_lessons_hold_for_the_package_and_would_miss_each_function(share):
    assert without_functions(*list(dict.fromkeys(MADE.values()))[share::SHARES]) == (0, "")


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
