"""Build the site from the notebooks and their stored outputs: python tools/docs.py [NOTEBOOK…], after tools/lessons.py

nbdev turns the notebooks into pages and smalldocs the pages into a site, from the same nbs/_quarto.yml that Quarto
reads. What stands here is the glue: sources, times and glossary links in the notebooks. addresses.py knows what things
are called in the site, reference.py makes a page per module, site_files.py does what is done to the finished site.
With names (08_triplet, workshop/files), the other pages have nothing but a title.
"""

import ast
import re
import shutil
import sys
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path

import nbformat
import yaml
from addresses import (
    NBS,
    address,
    anchor,
    cross_links,
    glossary,
    heading,
    minutes,
    named,
    plain,
    shown,
    taught,
    up,
)
from lessons import is_fresh, opening
from listing import FRONT, LESSONS, MADE, MODULES, NOTEBOOKS, ROOT
from nbdev.config import get_config
from nbformat.v4 import new_markdown_cell
from reference import shelves, smalldocs, write_reference
from site_files import PAGES, SITE, finish_site
from try_page import PAGE as TRY
from try_page import is_fresh as try_is_fresh

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
    shutil.copy(TRY, PAGES)  # or links to it would be taken for broken


# Pages


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


def with_try(
    text: str,  # Markdown of a page at the top
) -> str:
    "The same with links to the page `try` as the site has it."
    return text.replace(f"](../{TRY.relative_to(ROOT).as_posix()})", f"]({TRY.name})")


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
            cell.source = with_try(re.sub(LINKED, site_link, cell.source))
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
    "The page `try`, both shelves with their times, then the reference."
    file = PAGES / "sidebar.yml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    contents = entries(config["website"]["sidebar"]["contents"])
    contents.insert(1, {"text": "Try it: who is found?", "href": TRY.name})
    pages: list = [{"text": "All modules", "href": "reference/index.qmd"}]
    for title, modules in shelves(reference).items():
        inner = [
            {"text": shown(name).split(".")[-1], "href": f"reference/{reference[name]}"} for name in modules
        ]
        pages.append({"section": title, "contents": inner})
    contents.append({"section": "Reference", "contents": pages})
    config["website"]["sidebar"]["contents"] = contents
    file.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")


def stale() -> list[str]:  # names
    "Notebooks, and the page `try`, that show what another code, package or data gave."
    old = [named(path) for path in NOTEBOOKS if not is_fresh(nbformat.read(path, as_version=4))]
    return old if try_is_fresh() else [*old, TRY.relative_to(ROOT).as_posix()]


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
    shutil.copy(TRY, SITE)  # it is finished, and its locks let nothing be added


if __name__ == "__main__":
    with chdir(ROOT):
        build(sys.argv[1:])
    print(f"{len(list(SITE.rglob('*.html')))} pages in {SITE.name}/")
    if not sys.argv[1:] and (old := stale()):
        sys.exit(
            f"built, but stale: {', '.join(old)}; expected outputs of the lessons as they are: make lessons"
        )
