"""Every notebook holds for the package as it ships, and each exported function would be missed by a cell.

`make functions` proves it and notes for which code in results/functions.json; the deep test proves it all again.
"""

import json
import shutil
from pathlib import Path

import functions
import nbformat
import pytest
from functions import MAKING, basis, is_proven, note
from listing import ROOT
from nbformat.v4 import new_code_cell, new_notebook
from notebooks import read, stem
from support import run

SHARES = 15  # of the notebooks, each in one process that imports torch once


def without_functions(*paths: Path) -> tuple[int, str]:
    "Lessons run on the exported package, and again without each of their functions: exit code, what went unnoticed."
    return run("python", ROOT / "tests" / "helpers" / "replaced.py", *paths, seconds=1200)


@pytest.mark.parametrize("path", MAKING, ids=stem)
def test_functions_of_this_code_would_be_missed(path):
    assert is_proven(path), (
        f"{path.name} or what it uses changed since its functions were replaced: make functions"
    )


@pytest.mark.deep
@pytest.mark.parametrize("share", range(SHARES))
def test_lessons_hold_for_the_package_and_would_miss_each_function(share):
    assert without_functions(*MAKING[share::SHARES]) == (0, "")


def test_proof_rests_on_each_line_of_code_and_on_no_prose():
    notebook = read(ROOT / "nbs" / "08_triplet.ipynb")
    before = basis(notebook)
    next(cell for cell in notebook.cells if cell.cell_type == "markdown").source += " "
    assert basis(notebook) == before
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in (code[2], code[-1]):
        was, cell.source = cell.source, f"{cell.source}\n1"
        assert basis(notebook) != before
        cell.source = was
    assert basis(notebook) == before


def test_proof_rests_on_the_prover(tmp_path, monkeypatch):
    notebook = read(ROOT / "nbs" / "08_triplet.ipynb")
    before, text = basis(notebook), functions.PROVER.read_text(encoding="utf-8")
    for more, same in (("# why\n", True), ("SECONDS = 1\n", False)):
        (tmp_path / "replaced.py").write_text(text + more, encoding="utf-8")
        monkeypatch.setattr(functions, "PROVER", tmp_path / "replaced.py")
        assert (basis(notebook) == before) is same


def test_notebook_changed_by_a_line_is_stale(tmp_path, monkeypatch):
    path, record = tmp_path / "giraffe.ipynb", tmp_path / "functions.json"
    monkeypatch.setattr(functions, "MAKING", [path])
    cells = [new_code_cell("import reid_course.errors"), new_code_cell("assert True")]
    nbformat.write(new_notebook(cells=cells), path)
    assert not is_proven(path, record)
    record.write_text('{"gone": "0123456789abcdef"}')
    note(path, basis(read(path)), record)
    assert is_proven(path, record) and list(json.loads(record.read_text())) == ["giraffe"]
    cells[1].source = "assert 1"
    nbformat.write(new_notebook(cells=cells), path)
    assert not is_proven(path, record)
    note(path, "", record)  # a function could do nothing unnoticed: an older proof is none
    assert json.loads(record.read_text()) == {}


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


def test_what_is_wrong_is_not_proven(tiny, capsys):
    path, module = tiny / "nbs" / "00_one.ipynb", tiny / "reid_course" / "one.py"
    module.write_text("def one(): return 1\n\ndef two(): return 2\n")
    assert functions.prove(path) == "" and "two could return None" in capsys.readouterr().out
    notebook = read(path)
    notebook.cells.append(new_code_cell("assert two() == 2"))
    nbformat.write(notebook, path)
    assert functions.prove(path) == basis(notebook)
    module.write_text("def one(): return 3\n\ndef two(): return 2\n")
    assert functions.prove(path) == "" and "AssertionError" in capsys.readouterr().out


def test_lesson_that_does_not_hold_for_the_package_fails(tiny):
    (tiny / "reid_course" / "one.py").write_text("def one(): return 3\n\ndef two(): return 2\n")
    exit_code, output = without_functions(tiny / "nbs" / "00_one.ipynb")
    assert exit_code == 1 and "AssertionError" in output
