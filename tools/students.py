"""Make student/: the lessons without their solutions, ready to hand out: python tools/students.py

A cell under `#| solution` keeps signatures and docstrings; each body becomes one line that says it is to be written.
"""

import ast
import re
import shutil
from configparser import ConfigParser
from pathlib import Path

import nbformat
from listing import FRONT, LESSONS, ROOT

TODO = 'raise NotImplementedError("your turn")'


def stub(
    source: str,  # of a cell under `#| solution`
) -> str:  # the same functions, to be written
    "Signatures and docstrings, without the bodies."
    lines = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        first = node.body[0]
        said = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        lines += source.splitlines()[node.lineno - 1 : first.end_lineno if said else first.lineno - 1]
        lines.append(f"    {TODO}")
    return "\n".join(lines)


def student(
    lesson: nbformat.NotebookNode,
) -> nbformat.NotebookNode:
    "The lesson as a student gets it: no solution, no stored output; the workshop's pages are on the code host."
    for cell in lesson.cells:
        if cell.cell_type != "code":
            cell.source = cell.source.replace("](workshop/", f"]({host()}/nbs/workshop/")
            continue
        cell.outputs, cell.execution_count = [], None
        if re.search(r"^#\|\s*solution\s*$", cell.source, re.M):
            cell.source = stub(cell.source)
            cell.metadata.pop("jupyter", None)  # which folds it away: a stub is to be seen
    return lesson


def host() -> str:
    "Where the project's files can be read, from settings.ini."
    config = ConfigParser(delimiters=["="])
    config.read(ROOT / "settings.ini", encoding="utf-8")
    return f"{config['DEFAULT']['git_url']}/blob/{config['DEFAULT']['branch']}"


def make_students(
    target: Path,  # a folder to make anew
) -> list[Path]:  # the notebooks written
    "Write the student copies of the course's shelf, with the figures that its pages link to."
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copytree(ROOT / "nbs" / "images", target / "images")
    written = []
    for notebook in (FRONT, *LESSONS):
        written.append(target / notebook.name)
        nbformat.write(student(nbformat.read(notebook, as_version=4)), written[-1])
    return written


if __name__ == "__main__":
    print(f"{len(make_students(ROOT / 'student'))} lessons in student/")
