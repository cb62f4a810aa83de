"""The notebooks of both shelves, and which of them makes which module."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
FRONT = ROOT / "nbs" / "index.ipynb"
LESSONS = [ROOT / "nbs" / "start.ipynb", *sorted((ROOT / "nbs").glob("[0-9][0-9]_*.ipynb"))]
WORKSHOP = sorted((ROOT / "nbs" / "workshop").glob("*.ipynb"))
NOTEBOOKS = [FRONT, *LESSONS, *WORKSHOP]
MADE = {  # module, "engine.files" or "minimarket" -> notebook
    found[1].removesuffix(".__init__"): path
    for path in NOTEBOOKS
    if (found := re.search(r'"#\| *default_exp ([\w.]+)', path.read_text(encoding="utf-8")))
}
MODULES = {  # module -> file
    ".".join(path.relative_to(ROOT / "reid_course").with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "reid_course").rglob("*.py")
}
