"""Make student/: the lessons without their solutions, ready to hand out: python tools/students.py

A cell under `#| solution` keeps signatures and docstrings; each body becomes one line that says it is to be written.
"""

import ast
import re
import shutil
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
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
    "The lesson as a student gets it: no solution, no stored output, no export."
    for cell in lesson.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if re.search(r"^#\|\s*solution\s*$", cell.source, re.M):
            cell.source = stub(cell.source)
            cell.metadata.pop("jupyter", None)  # which folds it away: a stub is to be seen
    lesson.cells = [cell for cell in lesson.cells if "nbdev_export(" not in cell.source]
    return lesson


def make_students(
    target: Path,  # a folder to make anew
    lessons: Path = ROOT / "nbs",
) -> list[Path]:  # the notebooks written
    "Write the student copies, with the figures that their pages link to."
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    if (lessons / "images").is_dir():
        shutil.copytree(lessons / "images", target / "images")
    written = []
    for notebook in sorted(lessons.glob("*.ipynb")):
        written.append(target / notebook.name)
        nbformat.write(student(nbformat.read(notebook, as_version=4)), written[-1])
    return written


if __name__ == "__main__":
    print(f"{len(make_students(ROOT / 'student'))} lessons in student/")
