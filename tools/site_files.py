"""What is done to the finished site: KaTeX and fonts put in, figures made for dark pages, no other host asked."""

import base64
import hashlib
import io
import json
import posixpath
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
from bs4 import BeautifulSoup, Tag
from listing import ROOT
from PIL import Image
from scipy import ndimage

PAGES, SITE = ROOT / "_proc", ROOT / "_docs"  # what nbdev makes of the notebooks, and what comes of it
FONTS = ROOT / "nbs" / "fonts", ROOT / "reid_course" / "pages" / "fonts"  # the report page has one of them
KATEX = "katex-0.16.22.tgz"
KATEX_SHA512 = "XCHRdUw4lf3SKBaJe4EvgqIuWwkPSo9XoeO8GjQW94Bp7TWv9hNhzZjZ+OH9yf1UmLygb7DIT5GSFQiyt16zYg=="
INVERTED = (
    np.array([[-1, 2, 2], [2, -1, 2], [2, 2, -1]]) / 3
)  # hue turned by half a circle: undoes what inverting does
PLAIN = 2  # colours that fill most of an area which is ink, not a picture
MARK = 2_000  # pixels; what is smaller is a mark, or some that overlap
# what is wider than the page scrolls, and the keyboard must reach it; what fits needs no stop
SCROLL = """
const frames = "pre, p, figure, .cell-output-display, .wide, .sd-table, .math.display";
const reach = () => document.querySelectorAll(frames).forEach((e) => {
  if (e.scrollWidth > e.clientWidth) e.tabIndex = 0; else e.removeAttribute("tabindex"); });
addEventListener("load", reach); addEventListener("resize", reach);
"""
RANKING = {  # in smalldocs.js: a word of a title counts in a long title too, a term of the glossary as a title
    'keys: [{ name: "title"': 'keys: [{ name: "terms", weight: 2 }, { name: "title"',
    "ignoreLocation: true": "ignoreLocation: true, ignoreFieldNorm: true",
}
SHORT = 30  # characters of code that stay on one line
UNITS = re.compile(r"(?<=[\d)]) (?=(%|min|ms|s|KiB|MiB|GiB|MB|GB)\b|%|×)|(?<=×) (?=\d)")


def add_katex() -> None:
    "Put KaTeX into the site, from npm, once fetched and then kept in build/."
    file = ROOT / "build" / KATEX
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        package = re.sub(r"-([\d.]+)\.tgz", r"@\1", KATEX)
        try:
            subprocess.run(
                ["npm", "pack", "--silent", package], cwd=file.parent, check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError):
            sys.exit(
                f"npm did not fetch {package}; expected npm and its registry this once: or put {KATEX} into build/"
            )
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
    thick = ndimage.grey_opening(inked.astype(np.uint8), (9, 9))  # pictures, bars, filled areas
    solid = ndimage.binary_fill_holes(thick)
    areas, _ = ndimage.label(solid)
    tones = (colour @ [225, 15, 1] * 15).astype(int)  # one number for each colour, coarsely
    for area, where in enumerate(ndimage.find_objects(areas), 1):
        inside = areas[where] == area
        counts = np.sort(np.bincount(tones[where][inside]))
        if counts.sum() < MARK or counts[-PLAIN:].sum() > 0.85 * counts.sum():  # bars and markers are ink
            solid[where] &= ~inside
    # lighter than the mirror image: the paper of a dark page is not black
    turned = np.clip((1 - colour) @ INVERTED.T, 0, 1) ** 0.75
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


def make_readable(
    page: BeautifulSoup,
) -> None:
    "No style of a table's own, one row of headings, short code in one piece, no number parted from its unit."
    for style in page.body.find_all("style", string=re.compile("dataframe")):
        style.decompose()
    for table in page.body.find_all("table", class_="dataframe"):
        join_headings(table)
    for code in page.body.find_all("code"):
        if not code.find_parent("pre") and len(code.get_text()) <= SHORT:
            code["class"] = [*code.get("class", []), "short"]
    for text in page.body.find_all(string=UNITS):
        if not text.find_parent(["pre", "code", "script", "style"]):
            text.replace_with(re.sub(UNITS, "\u00a0", text))


def join_headings(
    table: Tag,  # as pandas writes it
) -> None:
    "One row of headings where pandas takes a second one for the index's names."
    rows = table.thead.find_all("tr") if table.thead else []
    if len(rows) != 2:
        return
    above, below = ([cell.get_text(strip=True) for cell in row.find_all("th")] for row in rows)
    levels = len([name for name in below if name])
    if any(below[levels:]) or any(above[:levels]) or len(above) != len(below):
        return
    for cell, name in zip(rows[0].find_all("th"), below[:levels], strict=False):
        cell.string = name
    rows[1].decompose()


def make_scrollable(
    page: BeautifulSoup,
) -> None:
    "Let tables, code and drawings that are too wide scroll in frames of their own, by keyboard too."
    drawings = page.select("main > img, section > img")  # smalldocs frames those of Markdown, and its tables
    for part in [*page.find_all("table", class_="dataframe"), *drawings]:
        part.wrap(page.new_tag("div", attrs={"class": "wide"}))
    script = page.new_tag("script")
    script.string = SCROLL
    page.body.append(script)


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
    make_readable(page)
    make_scrollable(page)
    path.write_text(str(page), encoding="utf-8")


def rank_search(
    taught: dict[str, list[str]],  # terms of the glossary by the page that explains them
) -> None:
    "Let a search find the lesson that explains a term, and lessons before the reference."
    file, script = SITE / "search.json", SITE / "site_libs" / "smalldocs.js"
    entries = json.loads(file.read_text(encoding="utf-8"))
    for entry in entries:
        entry["terms"] = taught.get(entry["href"], [])
    entries.sort(key=lambda entry: entry["href"].startswith("reference/"))
    file.write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    text = script.read_text(encoding="utf-8")
    for before, after in RANKING.items():
        if before not in text:
            sys.exit(f"{script.name} does not have {before!r}; expected the smalldocs of constraints.txt")
        text = text.replace(before, after)
    script.write_text(text, encoding="utf-8")


def finish_site(
    taught: dict[str, list[str]],  # terms of the glossary by the page that explains them
) -> None:
    "All files of the site."
    add_katex()
    for folder in FONTS:
        shutil.copytree(folder, SITE / "fonts", dirs_exist_ok=True)
    rank_search(taught)
    for css in SITE.rglob("*.css"):  # fonts of another host; an address may hold a semicolon
        text = css.read_text(encoding="utf-8")
        css.write_text(re.sub(r"@import url\([^)]*\);?", "", text), encoding="utf-8")
    for path in SITE.rglob("*.html"):
        finish(path)
