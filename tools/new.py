"""Begin a lesson, or a page of the workshop: python tools/new.py lesson NAME, or page SUBPACKAGE.NAME

The notebook is made of tools/template.ipynb and runs as it is; a lesson gets the next number, and a check for its
exercise in nbs/workshop/checks.ipynb.
"""

import re
import sys
from pathlib import Path

import nbformat
from lessons import opened
from listing import LESSONS, MADE, ROOT, label
from nbformat.v4 import new_code_cell

TEMPLATE = ROOT / "tools" / "template.ipynb"
CHECKS = ROOT / "nbs" / "workshop" / "checks.ipynb"
OF_A_PAGE = ("title", "exp", "tests", "imports", "module", "agree")  # what a page has of the template's cells
CHECK = '''#| exports
def _NAME(answer: Callable) -> Trials:
    "LABEL.1: middle(values (n,)) -> float, for n odd numbers."
    yield answer(np.array([1.0, 2.0, 6.0])) == 2, "of 1, 2, 6 the middle is 2: not the mean"
    yield answer(np.array([6.0, 1.0, 2.0])) == 2, "sort first: the order must not matter"'''
LEFT = """{file} and its check in nbs/workshop/checks.ipynb
to do: write both; three wrong answers in tests/course/test_exercises.py; a line in nbs/sidebar.yml and in the table of
nbs/index.ipynb; make bands if it has a band; then make export, make lessons, make functions, make test"""


def begun(
    words: dict[str, str],  # of the template, and what stands for them
    wanted: tuple[str, ...] = (),  # ids of cells; none: all
) -> nbformat.NotebookNode:
    "A notebook made of the template."
    notebook = nbformat.read(TEMPLATE, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not wanted or cell.id in wanted]
    for cell in notebook.cells:
        cell.source, cell.id = filled(cell.source, words), new_code_cell().id
    return notebook


def filled(
    text: str,
    words: dict[str, str],
) -> str:
    "A text with its words in capitals filled in."
    return re.sub(
        "|".join(rf"(?<![A-Z]){word}(?![A-Z])" for word in words), lambda found: words[found[0]], text
    )


def add_check(
    words: dict[str, str],
) -> None:
    "A check for the lesson's exercise, beside the others."
    notebook = nbformat.read(CHECKS, as_version=4)
    at = next(i for i, cell in enumerate(notebook.cells) if "\nCHECKS: dict" in cell.source)
    before, brace, after = notebook.cells[at].source.partition("\n}")
    notebook.cells[at].source = before + filled('\n    "LABEL.1": _NAME,', words) + brace + after
    notebook.cells.insert(at, new_code_cell(filled(CHECK, words)))
    nbformat.write(notebook, CHECKS)


def add_lesson(
    name: str,  # of its module
) -> Path:  # the notebook
    "A lesson behind the others."
    numbers = [int(label(path)) for path in LESSONS if label(path).isdigit()]
    number = f"{max(numbers) + 1:02d}"
    words = {"TITLE": name.capitalize(), "NAME": name, "LABEL": number, "BEFORE": f"{max(numbers):02d}"}
    path = ROOT / "nbs" / f"{number}_{name}.ipynb"
    LESSONS.append(path)  # so that it gets the badge of a lesson
    nbformat.write(opened(begun(words), path), path)
    add_check(words)
    return path


def add_page(
    module: str,  # "engine.cache"
) -> Path:  # the notebook
    "A page of the workshop."
    name = module.rpartition(".")[2]
    path = ROOT / "nbs" / "workshop" / f"{name}.ipynb"
    nbformat.write(begun({"TITLE": name.capitalize(), "NAME": module}, OF_A_PAGE), path)
    return path


def main(
    kind: str,
    name: str,
) -> None:
    "Make the notebook, unless the name is taken or none."
    expected, make = {
        "lesson": (r"[a-z]+(_[a-z]+)*", add_lesson),
        "page": (r"[a-z]+\.[a-z]+(_[a-z]+)*", add_page),
    }[kind]
    if not re.fullmatch(expected, name):
        sys.exit(f"{name!r} is no name of a {kind}'s module; expected small letters: make {kind} NAME=…")
    if name in MADE:
        sys.exit(f"{MADE[name].relative_to(ROOT)} makes {name} already; expected another name")
    file = make(name).relative_to(ROOT)
    print(LEFT.format(file=file) if kind == "lesson" else file)


if __name__ == "__main__":
    main(*sys.argv[1:])
