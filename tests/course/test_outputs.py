"""What every notebook shows is of this code, of no machine, small, and quickly made."""

import re
import shutil

import pytest
from lessons import MARK, is_fresh, lasting, least, mark
from listing import PACKAGE, ROOT, modules
from nbformat.v4 import new_code_cell, new_notebook
from notebooks import SHOWING, code, read, shown, stem


@pytest.mark.parametrize("path", SHOWING, ids=stem)
def test_stored_outputs_are_those_of_this_code(path):
    assert is_fresh(read(path)), f"{path.name} changed since it was run, or what it uses did: make lessons"


@pytest.mark.parametrize("path", SHOWING, ids=stem)
def test_outputs_hold_no_machine_and_no_warning(path):
    assert not re.search(r"/(home|root|Users|tmp)/|[A-Z]:\\|" + re.escape(str(ROOT)), shown(path))
    assert "<matplotlib." not in shown(path), "end the cell's last line with a semicolon"
    assert not [o for cell in code(path) for o in cell.outputs if o.get("name") == "stderr"]
    assert path.stat().st_size <= 400_000


def test_the_course_runs_in_a_quarter_of_an_hour():
    marks = {path.stem: read(path).metadata[MARK] for path in SHOWING}
    seconds = {name: found["seconds"] for name, found in marks.items()}
    fast = all(
        found["bf16"] for found in marks.values()
    )  # where it was run: without, trainings take twice to four times
    assert max(seconds.values()) <= (90 if fast else 180), seconds
    assert sum(seconds.values()) <= (15 if fast else 45) * 60, seconds


def test_what_uses_an_edited_module_is_stale_on_both_shelves(tmp_path, monkeypatch):
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE)
    edited = tmp_path / PACKAGE / "engine" / "group.py"
    edited.write_text(edited.read_text(encoding="utf-8") + "\nedited = 1\n", encoding="utf-8")
    names = ("02_split", "12_training", "workshop/commands", "workshop/files")
    notebooks = {name: read(ROOT / "nbs" / f"{name}.ipynb") for name in names}
    before = {name: mark(notebook)["package"] for name, notebook in notebooks.items()}
    monkeypatch.setattr("lessons.MODULES", modules(tmp_path))
    stale = [name for name, notebook in notebooks.items() if mark(notebook)["package"] != before[name]]
    assert stale == ["12_training", "workshop/commands"]


def test_data_of_results_count_from_either_shelf(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    table = tmp_path / "results" / "table.json"
    monkeypatch.setattr("lessons.ROOT", tmp_path)
    for up in ("..", "../.."):
        notebook = new_notebook(cells=[new_code_cell(f'read("{up}/results/table.json")')])
        table.write_text("1")
        before = mark(notebook)
        table.write_text("2")
        assert mark(notebook)["data"] != before["data"]


def test_mark_follows_code_package_data_and_outputs():
    lesson = read(ROOT / "nbs" / "08_triplet.ipynb")
    before = mark(lesson)
    lesson.cells[3].source += " "  # prose
    assert mark(lesson) == before
    last = next(cell for cell in reversed(lesson.cells) if cell.cell_type == "code" and cell.outputs)
    last.outputs = []
    assert mark(lesson) | {"outputs": ""} == before | {"outputs": ""} and mark(lesson) != before
    last.source += "\nfrom reid_course.cli.main import main"
    assert mark(lesson)["code"] != before["code"] and mark(lesson)["package"] != before["package"]


def test_echo_of_a_docstring_is_not_stored():
    echo, widget = (
        {"output_type": "execute_result"},
        {"data": {"application/vnd.jupyter.widget-view+json": 1}},
    )
    install = "if x:\n    !git clone\n    %cd y\n"
    assert lasting([echo, widget], f'{install}SIZE = 3\n"How large."') == []
    assert lasting([echo, widget], f'{install}"a, b".split()') == [echo]
    assert lasting([{"output_type": "stream"}], "x = 1") == [{"output_type": "stream"}]


def test_time_is_the_least_seen_of_the_same_code():
    before = {"code": "a", "seconds": 9.0, "bf16": True}
    assert least(before, "a", 12.0) == {"seconds": 9.0, "bf16": True}
    assert least(before, "a", 8.0)["seconds"] == 8.0 and least(before, "b", 12.0)["seconds"] == 12.0
    assert least({}, "a", 12.0)["seconds"] == 12.0
