"""Every lesson runs from top to bottom in a process of its own, as it stands."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from listing import NOTEBOOKS, ROOT
from nbdev.config import get_config
from nbdev.process import NBProcessor
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from support import run

UNRUN = ROOT / "tests" / "reasons" / "unrun_cells.txt"


def run_lesson(
    notebook: Path,
    project: Path = ROOT,
    seconds: float = 300,
) -> None:
    "Fails unless nbdev_test ran this very notebook to its end and found nothing wrong."
    code, output = run("nbdev_test", "--path", notebook, "--do_print", cwd=project, seconds=seconds)
    assert code == 0 and f"- Completed {notebook}" in output, output


def unrun_cells(
    notebook: Path,
) -> list[tuple[str, str, str]]:  # notebook, why nbdev_test passes over it, first line of code
    "The code cells that no test runs."
    assert "skip_exec" not in notebook.read_text(encoding="utf-8"), f"{notebook.name} is skipped as a whole"
    flags = set(get_config().tst_flags.split())
    found = []
    for cell in NBProcessor(notebook, rm_directives=False).nb.cells:
        if cell.cell_type != "code":
            continue
        code = re.sub(r"^(#\|.*\n)*", "", cell.source)
        why = sorted(flags & cell.directives_.keys())
        if cell.directives_.get("eval:", ["true"])[0].lower() == "false":
            why.append("eval: false")
        if "nbdev_export(" in code:  # nbdev_test runs no cell with these letters in it
            why.append("nbdev_export")
        if why:
            found.append((notebook.name, " ".join(why), code.split("\n")[0]))
    return found


def listed_cells(
    text: str,  # lines "notebook | flag | reason | first line of code"
) -> list[tuple[str, str, str]]:  # notebook, flag, first line of code
    "The cells that are allowed not to run, each with a reason."
    rows = [line.split(" | ", 3) for line in text.splitlines() if line and not line.startswith("#")]
    assert all(len(row) == 4 and row[2].strip() for row in rows), "expected: notebook | flag | reason | code"
    return [(name, flag, code) for name, flag, _, code in rows]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(notebook):
    run_lesson(notebook)


def test_cells_that_no_test_runs_are_listed_with_a_reason():
    found = [cell for notebook in NOTEBOOKS for cell in unrun_cells(notebook)]
    assert sorted(found) == sorted(listed_cells(UNRUN.read_text(encoding="utf-8")))


# The harness itself must be able to fail.


@pytest.fixture
def project(tmp_path):
    "A project of one lesson."
    shutil.copy(ROOT / "settings.ini", tmp_path)
    (tmp_path / "nbs" / "workshop").mkdir(parents=True)
    return tmp_path


def lesson(project, *sources, name="00_one.ipynb"):
    "A notebook made of these code cells."
    path = project / "nbs" / name
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


ONE = ("#| default_exp one", "#| export\n_ONE = 1\n\ndef one(): return _ONE", "assert one() == _ONE")


def test_good_lesson_passes(project):
    run_lesson(lesson(project, *ONE), project)


def test_good_page_of_the_workshop_passes(project):
    run_lesson(lesson(project, "#| default_exp engine.one", *ONE[1:], name="workshop/one.ipynb"), project)


@pytest.mark.parametrize(
    "bad, message",
    [
        ("assert one() == 2", "AssertionError"),
        ("#| export\n1 / 0", "ZeroDivisionError"),
        ("while True: pass", "ended after 5 s"),
    ],
)
def test_bad_lesson_fails(project, bad, message):
    with pytest.raises(AssertionError, match=message):
        run_lesson(lesson(project, *ONE, bad), project, seconds=5)


def test_lesson_that_nbdev_passes_over_fails(project):
    notebook = lesson(project, *ONE)
    (project / "nbs" / ".notest").touch()
    with pytest.raises(AssertionError, match="No files were eligible"):
        run_lesson(notebook, project)


def test_unrun_cells_are_found(project):
    notebook = lesson(project, *ONE, "#| eval: false\na = 1", "#| slow\nb = 1", "c()  # nbdev_export()")
    name = notebook.name
    assert unrun_cells(notebook) == [
        (name, "eval: false", "a = 1"),
        (name, "slow", "b = 1"),
        (name, "nbdev_export", "c()  # nbdev_export()"),
    ]
    assert listed_cells(f"# a comment\n\n{name} | slow | an hour | b = x | y") == [
        (name, "slow", "b = x | y")
    ]
    with pytest.raises(AssertionError):
        listed_cells(f"{name} | slow |  | b = 1")


def test_skipped_notebook_is_found(project):
    skipped = new_markdown_cell("# One\n\n- skip_exec: true")
    notebook = project / "nbs" / "00_one.ipynb"
    nbformat.write(new_notebook(cells=[skipped]), notebook)
    with pytest.raises(AssertionError):
        unrun_cells(notebook)
