"""What several tests read in notebooks: their prose, their code, what they show."""

from pathlib import Path

import nbformat
from listing import FRONT, NOTEBOOKS

SHOWING = [path for path in NOTEBOOKS if path != FRONT]  # what runs and keeps its outputs: both shelves
stem = Path.stem.fget  # of a path, for a test's name


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def prose(path: Path) -> str:
    "All markdown of a notebook."
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def code(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def draws(cell: nbformat.NotebookNode) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.outputs)


def shown(path: Path) -> str:
    "All text that a notebook's outputs hold."
    outputs = [output for cell in code(path) for output in cell.outputs]
    texts = [output.get("text", "") for output in outputs]
    return "\n".join(
        texts + [str(v) for o in outputs for k, v in o.get("data", {}).items() if k != "image/png"]
    )
