"""The site as its readers meet it: in Chromium, with nothing but its own files within reach."""

import io
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import docs
import nbformat
import numpy as np
import pandas as pd
import pytest
import site_files
from browser import WIDTHS, barriers, opened, served
from bs4 import BeautifulSoup
from lessons import mark
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image
from support import NOTEBOOKS, ROOT, copy_tree, run

from reid_course.data import ATTRIBUTES

SMALL = ["index.ipynb", "start.ipynb", "08_triplet.ipynb"]
LARGEST = 2_000_000  # bytes of a page with its pictures


def built(
    tree: Path,  # a folder to make
    *names: str,  # of notebooks to show whole
) -> Path:  # the site
    "A site made in a copy of the project. Without npm and without the file that it fetches, a skip."
    katex = ROOT / "build" / site_files.KATEX
    copy_tree(tree)
    if katex.exists():
        (tree / "build").mkdir()
        shutil.copy(katex, tree / "build")
    build = "import sys; sys.path.insert(0, 'tools'); import docs; docs.build(sys.argv[1:])"
    code, output = run("python", "-c", build, *names, cwd=tree, seconds=600)
    if output.startswith("npm did not") and os.environ.get("REQUIRE_BROWSER") != "1":
        pytest.skip(output.strip())
    assert code == 0, output
    if not katex.exists():  # fetched once is enough
        katex.parent.mkdir(exist_ok=True)
        shutil.copy(tree / "build" / katex.name, katex)
    return tree / "_docs"


def seen(
    browser,
    site: Path,
    names: Iterable[str],  # of pages
    widths: Iterable[int],
) -> list[str]:
    "What is wrong with pages in light and dark: errors, requests to other hosts, barriers, text beyond the edge."
    faults = []
    with served(site) as address:
        for name in names:
            for scheme in ("light", "dark"):
                page, wrong = opened(browser, f"{address}/{name}", max(widths), scheme)
                for width in widths:
                    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
                    beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    found = barriers(page) + ([f"{beyond} px beyond the edge"] if beyond > 0 else [])
                    faults += [f"{name} {width} {scheme}: {fault}" for fault in found]
                faults += [f"{name} {scheme}: {fault}" for fault in wrong]
                page.context.close()
    return faults


def addresses(
    page: BeautifulSoup,
) -> list[str]:  # without those on other hosts and those inside the page's own text
    "What a page links to and shows."
    found = [tag.get("href") or tag.get("src") for tag in page.find_all(["a", "img", "link", "script"])]
    return [unquote(x) for x in found if x and not re.match(r"[a-z]+:|//", x)]


def broken(
    site: Path,
) -> list[str]:
    "Links of all pages that lead nowhere."
    pages = {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in site.rglob("*.html")
    }
    anchors = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    faults = []
    for path, page in pages.items():
        for address in addresses(page):
            target, anchor = urldefrag(urljoin(path.as_uri(), address.replace("%", "%25")))
            file = Path(unquote(target.removeprefix("file://")))
            if not file.exists() or (anchor and file in anchors and unquote(anchor) not in anchors[file]):
                faults.append(f"{path.relative_to(site)}: {address}")
    return faults


def too_large(
    site: Path,
) -> list[str]:
    "Pages that weigh too much."
    weights = {}
    for path in site.rglob("*.html"):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        own = {path.parent / tag["src"] for tag in page.find_all("img") if not tag["src"].startswith("data:")}
        weights[path.name] = path.stat().st_size + sum(file.stat().st_size for file in own)
    return [f"{name}: {weight} bytes" for name, weight in weights.items() if weight > LARGEST]


def search(browser, site: Path, words: str) -> list[str]:
    "The pages of the first three results of a search, the first of them clicked."
    with served(site) as address:
        page, wrong = opened(browser, f"{address}/index.html")
        page.get_by_label("Search").press_sequentially(words)
        results = page.locator(".search-result")
        results.first.wait_for()
        found = [results.nth(i).get_attribute("href").split("#")[0] for i in range(min(3, results.count()))]
        results.first.click()
        page.wait_for_load_state()
        assert wrong == [] and page.url.removeprefix(address + "/").split("#")[0] == found[0]
        page.context.close()
    return found


def seen_at_once(browser, site: Path, width: int, height: int) -> bool:
    "Whether the front page shows network, commands, ranked list and the whole table of results unscrolled."
    with served(site) as address:
        page, _ = opened(browser, f"{address}/index.html")
        page.set_viewport_size({"width": width, "height": height})
        ends = page.evaluate(
            """() => ["img[src$='network.svg']", "#two-commands pre:last-of-type", "img[src$='ranked.png']",
                      "#what-comes-out table"].map(css => {
                const part = document.querySelector(css), inside = part.getBoundingClientRect();
                const frame = document.querySelector("main").getBoundingClientRect();
                return inside.height > 0 && inside.bottom <= innerHeight && inside.right <= frame.right; })"""
        )
        page.context.close()
    return all(ends)


def test_site_in_a_browser(browser, tmp_path):
    site = built(tmp_path, *SMALL)
    assert seen(browser, site, ["index.html", "08_triplet.html"], (390, 1440)) == []
    for width, height in ((1440, 900), (1366, 768), (1280, 800)):
        assert seen_at_once(browser, site, width, height)
    assert search(browser, site, "semi-hard")[0] == "08_triplet.html"
    for words, lesson in (("re-ranking", "09b_distances.html"), ("mAP", "10_metrics.html")):
        assert lesson in search(browser, site, words)


@pytest.mark.long
def test_whole_site(browser, tmp_path):
    site = built(tmp_path)
    names = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    assert {f"{path.stem}.html" for path in NOTEBOOKS} <= set(names)
    assert broken(site) == []
    assert too_large(site) == []
    assert seen(browser, site, names, tuple(WIDTHS)) == []
    for words, lesson in {
        "re-ranking": "09b_distances.html",
        "mAP": "10_metrics.html",
        "attention": "06_attention.html",
    }.items():
        assert lesson in search(browser, site, words)


def test_broken_links_are_seen(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a id="here" href="b.html#there">b</a><a href="c.html">c</a><a href="#here">'
    )
    (tmp_path / "b.html").write_text(
        '<a href="a.html#here">a</a><img src="none.png"><a href="https://x.org">x</a>'
    )
    assert sorted(broken(tmp_path)) == ["a.html: b.html#there", "a.html: c.html", "b.html: none.png"]


def test_faults_are_seen(browser, tmp_path):
    (tmp_path / "a.html").write_text(
        '<html lang="en"><title>a</title><img src="https://x.org/a.png"><p style="width: 500px">wide</p>'
        "<script>console.error('oh')</script></html>"
    )
    faults = "\n".join(seen(browser, tmp_path, ["a.html"], (390,)))
    for fault in ("asked for https://x.org/a.png", "oh", "image-alt", "px beyond the edge"):
        assert fault in faults


def test_front_page_tells_the_times():
    page = nbformat.read(ROOT / "nbs" / "index.ipynb", as_version=4)
    rows = re.findall(r"^\| \[.*?\]\((\S+)\) \|.*\| (.+) \|$", "\n".join(c.source for c in page.cells), re.M)
    assert dict(rows) == {path.name: docs.minutes(path) for path in NOTEBOOKS if path.stem != "index"}


def test_stale_lessons_are_named(tmp_path, monkeypatch):
    page = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 + 1")]), page)
    monkeypatch.setattr(docs, "NOTEBOOKS", [page])
    assert docs.stale() == ["a.ipynb"]
    lesson = nbformat.read(page, as_version=4)
    lesson.metadata["reid_course"] = mark(lesson)
    nbformat.write(lesson, page)
    assert docs.stale() == []


def test_sidebar_has_every_page():
    listed = re.findall(r"- (\w+\.ipynb)", (ROOT / "nbs" / "sidebar.yml").read_text(encoding="utf-8"))
    assert listed[:2] == ["index.ipynb", "start.ipynb"]
    assert listed[2:] == [path.name for path in NOTEBOOKS if path.name not in listed[:2]]


@pytest.mark.parametrize(
    "text, linked",
    [
        ("An anchor, an anchor", "An [anchor](g#anchor){.term}, an anchor"),
        ("Anchors count", "[Anchors](g#anchor){.term} count"),
        ("anchored, the `anchor`, $anchor$", "anchored, the `anchor`, $anchor$"),
        ("# anchor\n[an anchor](x)", "# anchor\n[an anchor](x)"),
        ("hard triplet mining", "hard [triplet mining](g#mining){.term}"),
        ("| anchor |\n```\nanchor\n```", "| anchor |\n```\nanchor\n```"),
    ],
)
def test_first_mention_is_linked(text, linked):
    assert (
        docs.link_terms(text, {"anchor": "g#anchor", "triplet mining": "g#mining", "triplet": "g#triplet"})
        == linked
    )


def test_glossary_is_read():
    assert {"AP", "mAP", "rank-1"} <= set(docs.taught()["10_metrics.html"])
    assert docs.glossary()["re-identification"] == "start.ipynb#re-identification"


def test_lesson_leads_to_its_sources(tmp_path):
    lesson = ROOT / "nbs" / "08_triplet.ipynb"
    assert docs.heading(lesson) == "08 The triplet loss"
    assert re.fullmatch(r"\d+ min", docs.minutes(lesson))
    links = docs.sources("08_triplet.ipynb", "triplet")
    for end in ("nbs/08_triplet.ipynb", "reference/triplet.qmd", "reid_course/triplet.py"):
        assert f"{end})" in links
    page = tmp_path / "08_triplet.ipynb"
    title = new_markdown_cell("# Title\n\n[a](start.ipynb#The-map), [b](#Here)")
    badge = new_markdown_cell("[![Open in Colab](images/colab.svg)](https://x.org)")
    nbformat.write(new_notebook(cells=[title, badge, new_code_cell("1")]), page)
    docs.write_page(page, {})
    first, second, _ = nbformat.read(page, as_version=4).cells
    assert (first.source, second.source) == ("# Title\n\n[a](start.ipynb#the-map), [b](#here)", links)
    docs.cut(page)
    assert len(nbformat.read(page, as_version=4).cells) == 2


def test_figure_on_dark():
    figure = Image.new("RGB", (200, 200), "white")
    figure.paste("black", (20, 100, 180, 104))  # a line
    noise = np.random.default_rng(0).integers(60, 200, (60, 60, 3), dtype=np.uint8)
    figure.paste(Image.fromarray(noise), (40, 20))  # a picture
    figure.paste((0, 60, 120), (120, 20, 180, 80))  # a bar
    figure.paste(Image.fromarray(noise[:20, :20] // 2), (40, 150))  # overlapping marks
    turned = _turned(figure)
    assert turned[180, 180, 3] == 0, "no paper"
    assert turned[102, 40, :3].min() > 230 and turned[102, 40, 3] > 230, "light ink"
    far = np.abs(turned[30:70, 50:90, :3].astype(int) - noise[10:50, 10:50])
    assert np.median(far) < 12 and turned[50, 70, 3] == 255, "the picture as it was"
    assert turned[50, 150, 2] > 200 and turned[50, 150, :3].argmax() == 2, "a bar is ink of its own hue"
    assert np.median(turned[152:168, 42:58, :3]) > 160, "small marks are ink"


def test_reference_is_readable():
    union = "_Buffer | _SupportsArray[dtype[Any]] | bytes | str | _NestedSequence[complex | bytes | str]"
    long = f"score(distances: ndarray, cameras: {union} | None = None, *, of: dict[str, int] = {{}}) -> Retrieval"
    page = docs.readable(f"```python\n{long}\n```\n\n| returns | dict |  | accuracy_<name> and `<team>` |\n")
    assert (
        "    cameras: ArrayLike | None = None,\n    *,\n    of: dict[str, int] = {},\n) -> Retrieval\n"
        in page
    )
    assert "accuracy_&lt;name&gt; and `<team>`" in page
    row = docs.readable(f"| `attributes` | Sequence[Attribute] | `{ATTRIBUTES!r}` | asked |")
    assert row == "| `attributes` | Sequence[Attribute] | `ATTRIBUTES` | asked |"
    assert docs.readable("```python\nf(a: int) -> int\n```") == "```python\nf(a: int) -> int\n```"


def _turned(figure: Image.Image) -> np.ndarray:
    with io.BytesIO() as file:
        figure.save(file, "PNG")
        return np.asarray(Image.open(io.BytesIO(site_files.on_dark(file.getvalue()))).convert("RGBA"))


def test_page_asks_no_other_host(tmp_path, monkeypatch):
    monkeypatch.setattr(site_files, "SITE", tmp_path)
    page = tmp_path / "reference" / "a.html"
    page.parent.mkdir()
    page.write_text(
        '<head><link href="https://cdn.example/npm/katex@0.16.11/dist/katex.min.css"></head>'
        "<body><style>.dataframe th {color: red}</style><p>In 5 s <code>make</code></p>"
        '<table class="dataframe"></table><section><img src="a.svg"></section></body>'
    )
    site_files.finish(page)
    text = page.read_text()
    assert 'href="../site_libs/katex/katex.min.css"' in text
    assert (
        '<div class="wide"><table' in text and '<div class="wide"><img' in text and "color: red" not in text
    )
    assert "5\u00a0s" in text and '<code class="short">make</code>' in text


def test_one_row_of_headings():
    named = pd.DataFrame(
        {"mAP": [1.0], "rank 1": [2.0]}, pd.MultiIndex.from_tuples([(0, "a")], names=["junk", "way"])
    )
    plain, levels = named.reset_index(), pd.concat({"mean": named}, axis=1)
    for frame, wanted in (
        (named, [["junk", "way", "mAP", "rank 1"]]),
        (plain, [["", "junk", "way", "mAP", "rank 1"]]),
        (named.rename_axis(columns="unit"), None),  # a name for the columns needs its own place
        (levels, None),
    ):
        table = BeautifulSoup(frame.to_html(), "html.parser").table
        before = [[th.get_text() for th in row.find_all("th")] for row in table.thead.find_all("tr")]
        site_files.join_headings(table)
        after = [[th.get_text() for th in row.find_all("th")] for row in table.thead.find_all("tr")]
        assert after == (wanted or before)


def test_katex_is_the_one_that_was_tested(tmp_path, monkeypatch):
    monkeypatch.setattr(site_files, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="npm did not fetch katex@"):
        site_files.add_katex()
    (tmp_path / "build" / site_files.KATEX).write_bytes(b"something else")
    with pytest.raises(SystemExit, match="not the file that was tested"):
        site_files.add_katex()
