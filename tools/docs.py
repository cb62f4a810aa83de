"""Build the site from the notebooks and their stored outputs: python tools/docs.py, after tools/lessons.py

nbdev turns the notebooks into pages and smalldocs the pages into a site, from the same nbs/_quarto.yml that Quarto
reads. What stands here is the glue: sources, times and glossary links in the lessons, a page per module, and nothing
that is asked of another host.
"""

import ast
import base64
import hashlib
import io
import posixpath
import re
import shutil
import subprocess
import sys
import tarfile
from contextlib import chdir
from pathlib import Path

import nbformat
import numpy as np
import yaml
from bs4 import BeautifulSoup
from lessons import ROOT, opening
from nbdev.config import get_config
from PIL import Image
from scipy import ndimage

PAGES, SITE = ROOT / "_proc", ROOT / "_docs"
KATEX = "katex-0.16.22.tgz"
KATEX_SHA512 = "XCHRdUw4lf3SKBaJe4EvgqIuWwkPSo9XoeO8GjQW94Bp7TWv9hNhzZjZ+OH9yf1UmLygb7DIT5GSFQiyt16zYg=="
LEFT_OUT = "add_show_docs,exec_show_docs,add_fold,mv_exports,add_links"  # the reference has pages of its own
INVERTED = (
    np.array([[-1, 2, 2], [2, -1, 2], [2, 2, -1]]) / 3
)  # hue turned by half a circle: undoes what inverting does


def process() -> None:
    "The notebooks as nbdev prepares them for Quarto, in _proc/."
    from nbdev.quarto import refresh_quarto_yml
    from nbdev.serve import proc_nbs

    shutil.rmtree(PAGES, ignore_errors=True)
    get_config().d["skip_procs"] = LEFT_OUT
    refresh_quarto_yml()
    proc_nbs(n_workers=0)
    for name in ("styles.css", "sidebar.yml"):
        shutil.copy(ROOT / "nbs" / name, PAGES)
    shutil.copytree(ROOT / "nbs" / "images", PAGES / "images", dirs_exist_ok=True)


# Pages


def heading(
    path: Path,  # a lesson
) -> str:  # "08 The triplet loss"
    "A lesson's number and title."
    number = re.match(r"\d+[a-z]?", path.stem)
    title = nbformat.read(path, as_version=4).cells[0].source.split("\n")[0].removeprefix("# ")
    return f"{number[0]} {title}" if number else title


def minutes(
    path: Path,  # a lesson
) -> str:  # "35 min", or nothing
    "The reading time that a lesson states."
    found = re.search(r"- \*\*Time:\*\* (\d+) minutes", path.read_text(encoding="utf-8"))
    return f"{found[1]} min" if found else ""


def sources(
    name: str,  # of a notebook
    module: str | None,  # that it exports
) -> str:
    "Where a lesson can be opened, run and read as code."
    settings = get_config()
    at = f"{settings.git_url}/blob/{settings.branch}"
    links = [f"[Notebook]({at}/nbs/{name})", f"[Colab]({re.search(r'[(](https[^)]+)', opening(name)[0])[1]})"]
    if module:
        links += [f"[Module `{module}`](reference/{module}.qmd)", f"[Source]({at}/reid_course/{module}.py)"]
    return "::: {.sources}\n" + " · ".join(links) + "\n:::"


def glossary() -> dict[str, str]:
    "Each term of the glossary and the address of its entry."
    text = "\n".join(cell.source for cell in nbformat.read(ROOT / "nbs" / "start.ipynb", as_version=4).cells)
    terms = re.findall(r"^### (.+)$", text.split("## Glossary")[1], re.M)
    plain = {term: re.sub(r"[^\w\s-]", "", term.lower()).replace(" ", "-") for term in terms if len(term) > 1}
    return {term: f"start.ipynb#{anchor}" for term, anchor in plain.items()}


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


def write_page(
    path: Path,  # a notebook in _proc/
    terms: dict[str, str],
) -> None:
    "Put a lesson's sources under its title, and links where words of the glossary stand."
    page = nbformat.read(path, as_version=4)
    original = (ROOT / "nbs" / path.name).read_text(encoding="utf-8")
    module = re.search(r'"#\| *default_exp (\w+)"', original)
    left = dict(terms)
    for cell in page.cells:
        if cell.cell_type == "raw":  # smalldocs names pages as the notebooks are named
            cell.source = re.sub(r"^output-file:.*\n", "", cell.source, flags=re.M)
        elif cell.source.startswith("[![Open in Colab]"):
            cell.source = sources(path.name, module and module[1])
        elif cell.cell_type == "markdown" and path.stem not in ("start", "index"):
            cell.source = link_terms(cell.source, left)
    nbformat.write(page, path)


def write_sidebar() -> None:
    "The lessons with their times, then the reference."
    file = PAGES / "sidebar.yml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    contents = config["website"]["sidebar"]["contents"]

    def entry(name: str) -> dict[str, str]:
        path = ROOT / "nbs" / name
        return {
            "text": "Front page" if name == "index.ipynb" else f"{heading(path)} · {minutes(path)}",
            "href": name,
        }

    for i, item in enumerate(contents):
        contents[i] = (
            entry(item) if isinstance(item, str) else item | {"contents": list(map(entry, item["contents"]))}
        )
    modules = sorted(path.name for path in (PAGES / "reference").glob("*.qmd"))
    contents.append({"section": "Reference", "contents": [f"reference/{name}" for name in modules]})
    file.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")


def write_reference() -> None:
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
    rows = []
    for path in sorted((PAGES / "reference").glob("*.qmd")):
        module = ast.parse((ROOT / "reid_course" / f"{path.stem}.py").read_text(encoding="utf-8"))
        rows.append(f"| [{path.stem}]({path.name}) | {ast.get_docstring(module)} |")
    text = (
        "---\ntitle: Reference\n---\n\nOne module per lesson.\n\n| module | what it gives |\n| --- | --- |\n"
    )
    (PAGES / "reference" / "index.qmd").write_text(text + "\n".join(rows) + "\n", encoding="utf-8")


def smalldocs(*arguments: str | Path) -> None:
    "Run smalldocs; its warnings are errors here."
    done = subprocess.run(
        [Path(sys.executable).parent / "smalldocs", *arguments], capture_output=True, text=True
    )
    if done.returncode or "warning" in done.stdout + done.stderr:
        sys.exit(done.stdout + done.stderr)


# The site


def add_katex() -> None:
    "Put KaTeX into the site, from npm, once fetched and then kept in build/."
    file = ROOT / "build" / KATEX
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        package = re.sub(r"-([\d.]+)\.tgz", r"@\1", KATEX)
        subprocess.run(["npm", "pack", "--silent", package], cwd=file.parent, check=True, capture_output=True)
    if base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode() != KATEX_SHA512:
        sys.exit(
            f"{file} is not the file that was tested; expected the published {KATEX}: delete it and build again"
        )
    wanted = re.compile(r"package/dist/(katex\.min\.(js|css)|contrib/auto-render\.min\.js|fonts/.*\.woff2)")
    with tarfile.open(file) as archive:
        for member in archive:
            if wanted.fullmatch(member.name):
                target = SITE / "site_libs" / "katex" / member.name.removeprefix("package/dist/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.extractfile(member).read())


def on_dark(
    png: bytes,
) -> bytes:  # png
    "A figure for a dark page: no paper, ink made light, pictures as they are."
    colour = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.float32) / 255
    inked = (colour < 0.98).any(2)
    solid = ndimage.binary_opening(inked, np.ones((9, 9)))  # what is thick: pictures, bars, filled areas
    solid = ndimage.binary_fill_holes(solid)
    turned = np.clip((1 - colour) @ INVERTED.T, 0, 1)
    alpha = turned.max(2)
    light = turned / np.maximum(alpha, 1e-6)[..., None]
    rgba = np.where(solid[..., None], np.dstack([colour, np.ones_like(alpha)]), np.dstack([light, alpha]))
    image = Image.fromarray((255 * rgba).round().astype(np.uint8))
    with io.BytesIO() as file:
        image.quantize(256, method=Image.Quantize.FASTOCTREE).save(file, "PNG", optimize=True)
        return file.getvalue()


def add_dark_figures(
    page: BeautifulSoup,
) -> None:
    "A second version of every figure, shown on a dark page."
    for image in page.find_all("img", src=re.compile("^data:image/png")):
        dark = page.new_tag("img", attrs=dict(image.attrs))
        made = on_dark(base64.b64decode(image["src"].split(",")[1]))
        dark["src"] = "data:image/png;base64," + base64.b64encode(made).decode()
        image["class"], dark["class"] = (
            [*image.get("class", []), "on-light"],
            [*dark.get("class", []), "on-dark"],
        )
        image.insert_after(dark)


def make_scrollable(
    page: BeautifulSoup,
) -> None:
    "Let the keyboard scroll what is too wide: code, outputs and tables."
    for block in page.find_all("pre"):
        block["tabindex"] = "0"
    for table in page.find_all("table"):
        frame = page.new_tag(
            "div", attrs={"class": "wide", "tabindex": "0", "role": "region", "aria-label": "table"}
        )
        table.wrap(frame)


def finish(
    path: Path,  # an html file of the site
) -> None:
    "Make a page independent of other hosts, readable in the dark, and scrollable by keyboard."
    text = path.read_text(encoding="utf-8")
    libs = posixpath.relpath(SITE / "site_libs", path.parent)
    page = BeautifulSoup(
        re.sub(r"https://[^\"]+/npm/katex@[\d.]+/dist", f"{libs}/katex", text), "html.parser"
    )
    add_dark_figures(page)
    make_scrollable(page)
    path.write_text(str(page), encoding="utf-8")


def build() -> None:
    "The whole site, in _docs/."
    process()
    terms = glossary()
    for path in PAGES.glob("*.ipynb"):
        write_page(path, terms)
    write_reference()
    write_sidebar()
    smalldocs("render", PAGES)
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.move(PAGES / SITE.name, SITE)
    add_katex()
    for css in SITE.rglob("*.css"):  # fonts of another host; an address may hold a semicolon
        css.write_text(
            re.sub(r"@import url\([^)]*\);?", "", css.read_text(encoding="utf-8")), encoding="utf-8"
        )
    for path in SITE.rglob("*.html"):
        finish(path)


if __name__ == "__main__":
    with chdir(ROOT):
        build()
    print(f"{len(list(SITE.rglob('*.html')))} pages in {SITE.name}/")
