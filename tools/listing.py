"""The one list of notebooks and the one of modules: what tests and tools go by. `python tools/listing.py` prints them

Two shelves: nbs/ holds the front page and the lessons, nbs/workshop/ the pages for maintainers. Every module of the
package is made by a notebook, but for the empty fronts of packages; a test compares both lists with git's.
"""

import ast
import json
import re
from collections.abc import Container
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "reid_course"
# a module at the top that a lesson teaches, and that has a page in the workshop: nbdev makes one module of a notebook
TAUGHT_IN = {
    "accuracy": "05_heads",
    "predictions": "11_model",
    "scoring": "12_training",
    "wishes": "12_training",
    "verification": "12_training",
    "ranked_lists": "14_retrieval",
    "viewpoints": "14_retrieval",
    "distractors": "15_looking",
}


def in_order(
    path: Path,  # of a notebook on the course's shelf
) -> tuple[int, str]:
    "The front page, the start, the numbered lessons, the mixed problems, the whole system."
    return {"index": 0, "start": 1, "problems": 3, "whole": 4}.get(path.stem, 2), path.stem


def lessons(
    root: Path = ROOT,
) -> list[Path]:  # nbs/start.ipynb, nbs/01_data.ipynb, …
    "The notebooks of the course in reading order, without the front page."
    return sorted((path for path in (root / "nbs").glob("*.ipynb") if path.stem != "index"), key=in_order)


def workshop(
    root: Path = ROOT,
) -> list[Path]:
    "The notebooks for maintainers."
    return sorted((root / "nbs" / "workshop").glob("*.ipynb"))


def label(
    notebook: Path,
) -> str:  # "08", or "start", or "stores"
    "What a lesson's exercises and bands are called by: its number, or its name where it has none."
    return re.match(r"\d\d(?=_)|.*", notebook.stem)[0]


def code(
    notebook: Path,
) -> list[str]:
    "The sources of a notebook's code cells."
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def exports(
    source: str,  # of a cell
) -> (
    str | None
):  # the module that the cell names, "" for that of its notebook; None: the cell is not exported
    "Where a cell's code goes."
    found = re.search(r"^#\|\s*exports?i?(?:[ \t]+([\w.]+))?\s*$", source, re.M)
    return (found[1] or "") if found else None


def makes(
    notebook: Path,
) -> list[str]:  # "engine.files"; of a package's front its name alone: "minimarket"
    "The modules that a notebook makes."
    cells = code(notebook)
    named = re.findall(r"^#\|\s*default_exp[ \t]+([\w.]+)", "\n".join(cells), re.M)
    return [
        "" if name == "__init__" else name.removesuffix(".__init__")
        for name in (*named, *dict.fromkeys(filter(None, map(exports, cells))))
    ]


def made(
    root: Path = ROOT,
) -> dict[str, Path]:  # module -> notebook
    "Which notebook makes each module."
    return {name: path for path in (*lessons(root), *workshop(root)) for name in makes(path)}


def modules(
    root: Path = ROOT,
) -> dict[str, Path]:  # "engine.files" -> reid_course/engine/files.py; "" is the front of the whole package
    "Every module of the package as it lies there, fronts too, but for nbdev's index."
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root / PACKAGE).with_suffix("").parts
        if path.name != "_modidx.py":
            found[".".join(parts).removesuffix("__init__").removesuffix(".")] = path
    return found


def floors() -> dict[str, int]:
    "The modules at the top, and the place in the course of the lesson that teaches each; `errors` is no lesson's."
    place = {path.stem: i for i, path in enumerate(LESSONS, start=1)}
    own = {name: place[path.stem] for name, path in MADE.items() if path in LESSONS}
    taught = {name: place[lesson] for name, lesson in TAUGHT_IN.items() if MADE.get(name) in WORKSHOP}
    return {"errors": 0} | own | taught


def plain(
    source: str,  # of a notebook's cell
) -> str:  # Python
    "A cell without its lines for the shell."
    return re.sub(r"^(\s*)[%!].*", r"\1pass", source, flags=re.M)


def imports(
    source: str,  # Python
    known: Container[str],  # names of modules
    place: str = "",  # the package that it stands in: "" at the top, "engine"
) -> set[str]:  # of them; "": a name that the front of the whole package has
    "The modules of this package that code imports: inside functions and for the type checker too."
    return {longest(name.split(".")[1:], known) for name in mentioned(source, place)}


@cache  # every notebook's mark asks for the same modules
def mentioned(
    source: str,  # Python
    place: str,  # the package that it stands in
) -> frozenset[str]:  # "reid_course.engine.files.write_json"
    "The dotted names of this package that code imports, or reads as attributes."
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            here = f"{PACKAGE}.{place}".rstrip(".").split(".")
            start = here[: len(here) + 1 - node.level] if node.level else []
            whole = ".".join([*start, *filter(None, [node.module])])
            found |= {f"{whole}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):  # reid_course.train, after `import reid_course`
            found.add(ast.unparse(node))
    return frozenset(name for name in found if re.match(rf"{PACKAGE}\.(?!__)", name))


def dotted(
    module: str,  # "engine.files"; "": the front of the whole package
) -> str:  # "reid_course.engine.files"
    "The name that a module is imported by."
    return f"{PACKAGE}.{module}".rstrip(".")


def longest(
    parts: list[str],  # ["engine", "files", "write_json"]
    known: Container[str],
) -> str:  # "engine.files"
    "The module in a dotted name."
    names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((name for name in names if name in known), "")


def needs(
    name: str,  # of a module
    known: dict[str, Path],  # all modules, with their files
) -> set[str]:
    "The modules that one module imports."
    path = known[name]
    return imports(
        path.read_text(encoding="utf-8"),
        known,
        name if path.name == "__init__.py" else name.rpartition(".")[0],
    )


def doors(
    known: dict[str, Path],
) -> set[str]:
    "The modules that the front of the whole package names in texts, to import them when they are asked for."
    tree = ast.parse(known[""].read_text(encoding="utf-8"))
    texts = (str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {text.removeprefix(f"{PACKAGE}.") for text in texts} & set(known) - {""}


def closure(
    names: set[str],  # of modules
    known: dict[str, Path],  # all modules, with their files
) -> set[str]:
    "These modules and all that run when they are imported: what they import, and the fronts of packages."
    found: set[str] = set()
    while names:
        found |= names
        fronts = {name.rpartition(".")[0] for name in names if "." in name}
        asked = (needs(name, known) | (set() if name else doors(known)) for name in names)
        names = fronts.union(*asked) - found
    return found


FRONT = ROOT / "nbs" / "index.ipynb"
LESSONS, WORKSHOP = lessons(), workshop()
NOTEBOOKS = [FRONT, *LESSONS, *WORKSHOP]
MODULES, MADE = modules(), made()

if __name__ == "__main__":
    for path in NOTEBOOKS:
        print(f"{path.relative_to(ROOT)}  {', '.join(makes(path))}")
