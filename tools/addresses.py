"""What notebooks, modules, headings and terms of the glossary are called in the site, and where they stand."""

import re
import runpy
from pathlib import Path

import nbformat
from listing import ROOT
from nbdev.config import get_config

NBS = ROOT / "nbs"


def named(
    path: Path,  # a notebook of either shelf
) -> str:  # "08_triplet.ipynb", "workshop/files.ipynb"
    "How a notebook is named in lists and links."
    return path.relative_to(NBS).as_posix()


def plain(
    name: str,  # of a notebook, or a link to it: "../08_triplet.ipynb"
) -> str:  # "../triplet.ipynb"
    "A page has no number in its name: nbdev links to it without one, and a lesson that moves keeps its address."
    return re.sub(r"(^|/)\d+[a-z]?_", r"\1", name)


def address(
    path: Path,  # a notebook of either shelf
) -> str:  # "triplet.html", "workshop/files.html"
    "Its page in the site."
    return plain(named(path)).replace(".ipynb", ".html")


def heading(
    path: Path,  # a notebook
) -> str:  # "08 The triplet loss", and only the title in the workshop
    "A notebook's number and title."
    number = re.match(r"\d+[a-z]?", path.stem)
    title = nbformat.read(path, as_version=4).cells[0].source.split("\n")[0].removeprefix("# ")
    return f"{number[0]} {title}" if number else title


def minutes(
    path: Path,  # a notebook
) -> str:  # "35 min", or nothing
    "The reading time that a notebook states."
    found = re.search(r"- \*\*Time:\*\* (\d+) minutes", path.read_text(encoding="utf-8"))
    return f"{found[1]} min" if found else ""


def shown(
    module: str,  # "engine.files", "" for the front of the whole package
) -> str:
    "A module's name in lists."
    return module or get_config().lib_name


def up(
    name: str,  # of a page, "workshop/files.ipynb"
) -> str:  # "../"
    "The way from a page to the site's root."
    return "../" * name.count("/")


def anchor(
    heading: str,  # or a link to one, as Jupyter writes it: "The-map"
) -> str:  # "the-map"
    "The site's name for a heading's place."
    return re.sub(r"[^\w\s-]", "", heading.lower()).replace(" ", "-")


def glossary_text() -> str:
    "The end of the first lesson, from the glossary on."
    text = "\n".join(cell.source for cell in nbformat.read(NBS / "start.ipynb", as_version=4).cells)
    return text.split("## Glossary")[1]


def glossary() -> dict[str, str]:
    "Each term of the glossary and the address of its entry."
    terms = re.findall(r"^### (.+)$", glossary_text(), re.M)
    return {term: f"start.ipynb#{anchor(term)}" for term in terms if len(term) > 1}


def taught() -> dict[str, list[str]]:  # page -> terms
    "The terms of the glossary that each notebook explains."
    pages: dict[str, list[str]] = {}
    for term, name in re.findall(r"^### (.+)\n\n.*\(([\w/]+)\.ipynb\)$", glossary_text(), re.M):
        pages.setdefault(f"{plain(name)}.html", []).append(term)
    return pages


def cross_links() -> dict[str, set[str]]:  # page -> anchors
    "Where nbdev says that each name of the package is explained."
    pages: dict[str, set[str]] = {}
    for names in runpy.run_path(str(ROOT / "reid_course" / "_modidx.py"))["d"]["syms"].values():
        for address, _ in names.values():
            page, place = address.split("#")
            pages.setdefault(page, set()).add(place)
    return pages
