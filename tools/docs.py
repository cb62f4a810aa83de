"""Build the site from the notebooks and their stored outputs: python tools/docs.py [NOTEBOOK…], after tools/lessons.py

nbdev turns the notebooks into pages and smalldocs the pages into a site, from the same nbs/_quarto.yml that Quarto
reads. What stands here is the glue: sources, times and glossary links in the notebooks, and a page per module;
site_files.py has what is done to the finished site. With names (08_triplet, workshop/files), the other pages have
nothing but a title.
"""

import ast
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path

import nbformat
import yaml
from lessons import is_fresh, opening
from listing import FRONT, LESSONS, MADE, MODULES, NOTEBOOKS, ROOT, WORKSHOP
from nbdev.config import get_config
from nbformat.v4 import new_markdown_cell
from site_files import SITE, finish_site

from reid_course.course.experiments import THREE_MODELS
from reid_course.data import ATTRIBUTES

NBS = ROOT / "nbs"
PAGES = ROOT / "_proc"
LINKED = re.compile(r"(?<=\])\(([\w./]*\.ipynb)?(?:#([^)]+))?\)")  # to a notebook or to a heading
OTHER_SENSE = {  # where a word of the glossary means something else
    "attention": {"query"},
    "metrics": {"negative"},
    "submission": {"positive"},
    "uncertainty": {"positive", "negative"},
    "workshop/accuracy": {"negative", "head"},
    "workshop/arrays": {"negative"},
    "workshop/body": {"head"},
    "workshop/distractors": {"margin"},
    "workshop/explorer": {"positive"},
    "workshop/figure": {"head"},
    "workshop/parts": {"head"},
    "workshop/people": {"head"},
    "workshop/selection": {"positive"},
}
LEFT_OUT = "add_show_docs,exec_show_docs,add_fold,mv_exports,add_links"  # the reference has pages of its own


def process() -> None:
    "The notebooks as nbdev prepares them for Quarto, in _proc/."
    from nbdev.quarto import refresh_quarto_yml
    from nbdev.serve import proc_nbs

    shutil.rmtree(PAGES, ignore_errors=True)
    get_config().d["skip_procs"] = LEFT_OUT
    refresh_quarto_yml()
    proc_nbs(n_workers=0)
    for name in ("styles.css", "sidebar.yml"):
        shutil.copy(NBS / name, PAGES)
    shutil.copytree(NBS / "images", PAGES / "images", dirs_exist_ok=True)


# Pages


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


def sources(
    path: Path,  # a notebook
    reference: dict[str, str],  # module, "engine.files", "" for the front -> its page, "files.qmd"
) -> str:
    "Where a notebook can be opened, run and read as code."
    settings, name = get_config(), named(path)
    at = f"{settings.git_url}/blob/{settings.branch}"
    links = [f"[Notebook]({at}/nbs/{name})"]
    if path in LESSONS:
        links.append(f"[Colab]({re.search(r'[(](https[^)]+)', opening(name)[0])[1]})")
    for module in [name.removesuffix("__init__") for name, made in MADE.items() if made == path]:
        if module in reference:
            links.append(f"[Module `{shown(module)}`]({up(name)}reference/{reference[module]})")
        links.append(f"[Source]({at}/{MODULES[module].relative_to(ROOT).as_posix()})")
    return "::: {.sources}\n" + " · ".join(links) + "\n:::"


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


def anchor(
    heading: str,  # or a link to one, as Jupyter writes it: "The-map"
) -> str:  # "the-map"
    "The site's name for a heading's place."
    return re.sub(r"[^\w\s-]", "", heading.lower()).replace(" ", "-")


def link_terms(
    text: str,  # Markdown
    terms: dict[str, str],  # term -> address; those that get linked are taken out
) -> str:
    "The same text with the first mention of each term linked."
    code, maths, tags = r"```.*?```|`[^`]*`", r"\$\$.*?\$\$|\$[^$]*\$", "<summary>.*?</summary>|<[^>]*>"
    kept = rf"({code}|{maths}|{tags}|!?\[[^\]]*\]\([^)]*\)|^#.*?$|^[|].*?$)"
    words = "|".join(map(re.escape, sorted(terms, key=len, reverse=True)))

    def link(match: re.Match) -> str:
        term = match[1] if match[1] in terms else match[1].lower()
        return f"[{match[0]}]({terms.pop(term)}){{.term}}" if term in terms else match[0]

    parts = re.split(kept, text, flags=re.S | re.M)
    parts[::2] = [re.sub(rf"(?<![\w-])({words})s?(?![\w-])", link, part, flags=re.I) for part in parts[::2]]
    return "".join(parts)


def site_link(
    link: re.Match,  # of LINKED
) -> str:
    "A link to a notebook as the site has it."
    return f"({plain(link[1] or '')}{'#' + anchor(link[2]) if link[2] else ''})"


def places(
    code: str,  # of a cell
    wanted: set[str],  # "atomic_write"
) -> list[str]:  # of them
    "Where links of other nbdev projects lead to: the definitions."
    try:
        body = ast.parse(code).body
    except SyntaxError:  # a line of Jupyter's own
        return []
    found = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
            found += [f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)]
    return [name for name in map(str.lower, found) if name in wanted]


def placed(
    names: Iterable[str],
) -> list[nbformat.NotebookNode]:  # one cell, or none
    "What a link to these names leads to."
    spans = "".join(f'<span id="{name}"></span>' for name in names)
    return [new_markdown_cell(f'<div class="places">{spans}</div>')] if spans else []


def cross_links() -> dict[str, set[str]]:  # page -> anchors
    "Where nbdev says that each name of the package is explained."
    pages: dict[str, set[str]] = {}
    for names in runpy.run_path(str(ROOT / "reid_course" / "_modidx.py"))["d"]["syms"].values():
        for address, _ in names.values():
            page, place = address.split("#")
            pages.setdefault(page, set()).add(place)
    return pages


def write_page(
    path: Path,  # a notebook in _proc/
    terms: dict[str, str],
    sources: str = "",  # what stands under the title
    wanted: set[str] = frozenset(),  # names whose definitions get a place
) -> None:
    "Put a notebook's sources under its title, links where words of the glossary stand, and name the page."
    page, name = nbformat.read(path, as_version=4), plain(path.relative_to(PAGES).as_posix())
    other = OTHER_SENSE.get(name.removesuffix(".ipynb"), set())
    left = {term: f"{up(name)}{at}" for term, at in terms.items() if term not in other}
    linked = name not in ("start.ipynb", "index.ipynb")
    left_over, cells = set(wanted), []
    for cell in page.cells:
        if cell.source.startswith("[![Open in Colab]"):
            continue
        if cell.cell_type == "raw":  # smalldocs names pages as the notebooks are named
            cell.source = re.sub(r"^output-file:.*\n", "", cell.source, flags=re.M)
        elif cell.cell_type == "markdown":
            cell.source = re.sub(LINKED, site_link, cell.source)
            cell.source = link_terms(cell.source, left) if linked else cell.source
        else:
            link_outputs(cell)
            here = places(cell.source, left_over)
            left_over -= set(here)
            cells += placed(here)
        cells.append(cell)
    top = [new_markdown_cell(sources)] if sources else []
    # a name whose code is not shown leads to the top
    page.cells = [cells[0], *top, *placed(sorted(left_over)), *cells[1:]]
    nbformat.write(page, path)
    path.rename(PAGES / name)


def link_outputs(
    cell: nbformat.NotebookNode,  # of code
) -> None:
    "Links that a cell has printed, as the site has them."
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/markdown" in data:
            data["text/markdown"] = re.sub(LINKED, site_link, data["text/markdown"])


def cut(
    path: Path,  # a notebook in _proc/
) -> None:
    "Leave a page's title and sources, so that links to it still lead somewhere."
    page = nbformat.read(path, as_version=4)
    page.cells = page.cells[:2]
    nbformat.write(page, path)


def entry(
    name: str,  # of a notebook
) -> dict[str, str]:
    "Its line in the sidebar."
    title, time = heading(NBS / name), minutes(NBS / name).replace(" min", "\u00a0min")
    text = "Front page" if name == "index.ipynb" else " · ".join(filter(None, [title, time]))
    return {"text": text, "href": plain(name)}


def entries(
    contents: list,  # of the sidebar: names, and sections of such
) -> list[dict]:
    "The same with titles and times."
    return [
        entry(item) if isinstance(item, str) else item | {"contents": entries(item["contents"])}
        for item in contents
    ]


def write_sidebar(
    reference: dict[str, str],  # module -> its page
) -> None:
    "Both shelves with their times, then the reference."
    file = PAGES / "sidebar.yml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    contents = entries(config["website"]["sidebar"]["contents"])
    pages: list = [{"text": "All modules", "href": "reference/index.qmd"}]
    for title, modules in shelves(reference).items():
        inner = [
            {"text": shown(name).split(".")[-1], "href": f"reference/{reference[name]}"} for name in modules
        ]
        pages.append({"section": title, "contents": inner})
    contents.append({"section": "Reference", "contents": pages})
    config["website"]["sidebar"]["contents"] = contents
    file.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")


def shelves(
    reference: dict[str, str],  # module -> its page
) -> dict[str, list[str]]:  # title -> modules
    "The modules of the top of the package, which are the course's, and those of each sub-package."
    found: dict[str, list[str]] = {}
    folders = {name.split(".")[0] for name in reference if "." in name}
    for name in sorted(reference):
        folder = name.split(".")[0]
        found.setdefault(f"reid_course.{folder}" if folder in folders else "reid_course", []).append(name)
    return dict(sorted(found.items()))


def write_reference() -> dict[str, str]:  # module -> its page, "engine.files" -> "files.qmd"
    "A page for each module, from docstrings, types and the comments beside parameters."
    file = PAGES / "_quarto.yml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    settings = get_config()
    config["smalldocs"] = {
        "api": {
            "packages": [settings.lib_name],
            "out": "reference",
            "root": "..",
            "source": f"{settings.git_url}/blob/{settings.branch}",
        }
    }
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    smalldocs("api", "build", "--dir", PAGES)
    config["smalldocs"] = {"linkify": True}  # else rendering would write the pages again
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    pages = {}
    for path in sorted((PAGES / "reference").glob("*.qmd")):
        text = path.read_text(encoding="utf-8")
        module = re.search(rf'^title: "{settings.lib_name}\.?(.*)"$', text, re.M)[1]
        text = readable(text).replace("\n---\n\n", f"\n---\n\n{built_in(MADE.get(module or '__init__'))}", 1)
        path.write_text(text, encoding="utf-8")
        pages[module] = path.name
    write_index(pages)
    return pages


def built_in(
    path: Path | None,  # a notebook; None: nobody's
) -> str:
    "Where a module of the reference is written."
    if path is None:
        return ""
    page, (number, *title) = f"../{plain(named(path))}", heading(path).split(" ")
    if path in WORKSHOP:
        return f"Built on the workshop page [{heading(path)}]({page}).\n\n"
    return f"Built in [lesson {number}, {' '.join(title)}]({page}).\n\n"


def write_index(
    pages: dict[str, str],  # module -> its page
) -> None:
    "The first page of the reference."
    text = "---\ntitle: Reference\n---\n\nA module per lesson at the top, and what serves them in sub-packages.\n"
    for title, modules in shelves(pages).items():
        text += f"\n## {title}\n\n| module | what it gives |\n| --- | --- |\n"
        for name in modules:
            said = ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8")))
            text += f"| [{shown(name)}]({pages[name]}) | {said} |\n"
    (PAGES / "reference" / "index.qmd").write_text(text, encoding="utf-8")


def readable(
    text: str,  # a page of the reference
) -> str:  # the same
    "Names as the source has them, a parameter a line where a line would be too long, and no word lost as a tag."
    text = re.sub(r"_Buffer\b.*?_NestedSequence\[complex [^\]]*\]", "ArrayLike", text)
    named = {repr(ATTRIBUTES): "ATTRIBUTES", repr(THREE_MODELS): "THREE_MODELS"}
    for default, name in ({"<reid_course.engine.processes.ProcessGroup object>": "ALONE"} | named).items():
        text = text.replace(default, name)
    text = re.sub(
        r"^(\|.*)$", lambda row: re.sub(r"(?<![`\w])(\w+)<(\w+)>", r"\1&lt;\2&gt;", row[1]), text, flags=re.M
    )
    return re.sub(r"(?<=^```python\n)(.{100,})$", lambda line: one_a_line(line[1]), text, flags=re.M)


def one_a_line(
    signature: str,  # "name(a: int, b: dict[str, int] = {}) -> float"
) -> str:
    "Its parameters below each other."
    name, rest = signature.split("(", 1)
    inner, end = rest.rsplit(")", 1) if "->" not in rest else re.match(r"(.*)\)( -> .*)$", rest).groups()
    parts = re.split(r", (?=\*{0,2}\w+(?::|$)|\*,)", inner)  # a comma inside a type is followed by no colon
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){end}"


def smalldocs(*arguments: str | Path) -> None:
    "Run smalldocs; its warnings are errors here."
    done = subprocess.run(
        [Path(sys.executable).parent / "smalldocs", *arguments], capture_output=True, text=True
    )
    if done.returncode or "warning" in done.stdout + done.stderr:
        sys.exit(done.stdout + done.stderr)


def stale() -> list[str]:  # names
    "Notebooks that show what another code, package or data gave."
    return [named(path) for path in NOTEBOOKS if not is_fresh(nbformat.read(path, as_version=4))]


def build(
    names: list[str],  # of notebooks to show whole, "workshop/files", for a quick look; none: all
) -> None:
    "The site, in _docs/."
    whole = {name.removesuffix(".ipynb") for name in names}
    process()
    reference, terms, wanted = write_reference(), glossary(), cross_links()
    for path in NOTEBOOKS:
        name = named(path)
        links = "" if path == FRONT else sources(path, reference)
        write_page(PAGES / name, terms, links, wanted.get(address(path), set()))
        if names and name.removesuffix(".ipynb") not in whole:
            cut(PAGES / plain(name))
    write_sidebar(reference)
    smalldocs("render", PAGES)
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.move(PAGES / SITE.name, SITE)
    shutil.copytree(PAGES / "images", SITE / "images", dirs_exist_ok=True)  # what plain HTML shows, too
    finish_site(taught())


if __name__ == "__main__":
    with chdir(ROOT):
        build(sys.argv[1:])
    print(f"{len(list(SITE.rglob('*.html')))} pages in {SITE.name}/")
    if not sys.argv[1:] and (old := stale()):
        sys.exit(
            f"built, but stale: {', '.join(old)}; expected outputs of the lessons as they are: make lessons"
        )
