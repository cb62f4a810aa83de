"""Make student/: the lessons without their solutions, ready to hand out: python tools/students.py

Cells under `#| solution` are left out, stored outputs are emptied; nothing else changes.
"""

import re
import shutil
from configparser import ConfigParser
from pathlib import Path

import nbformat
from listing import FRONT, LESSONS, ROOT


def student(
    lesson: nbformat.NotebookNode,
) -> nbformat.NotebookNode:
    "The lesson as a student gets it: no solution, no stored output; the workshop's pages are on the code host."
    lesson.cells = [cell for cell in lesson.cells if not is_solution(cell.source)]
    for cell in lesson.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = cell.source.replace("](workshop/", f"]({host()}/nbs/workshop/")
    return lesson


def is_solution(
    source: str,  # of a cell
) -> bool:
    "Whether a cell gives an exercise away."
    return bool(re.search(r"^#\|\s*solution\s*$", source, re.M))


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
