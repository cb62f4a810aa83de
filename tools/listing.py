"""The notebooks of both shelves, and which of them writes which module."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
NBS = ROOT / "nbs"


def lessons() -> list[Path]:
    "The course in reading order: start, then the numbered lessons."
    return [NBS / "start.ipynb", *sorted(NBS.glob("[0-9][0-9]_*.ipynb"))]


def workshop() -> list[Path]:
    "The pages of the workshop."
    return sorted((NBS / "workshop").glob("*.ipynb"))


def modules() -> dict[str, Path]:  # "engine.files", "minimarket" -> notebook
    "The notebook that each module of the package is written in."
    found = {}
    for path in [*lessons(), *workshop()]:
        exported = re.search(r'"#\| *default_exp ([\w.]+)', path.read_text(encoding="utf-8"))
        if exported:
            found[exported[1].removesuffix(".__init__")] = path
    return found
