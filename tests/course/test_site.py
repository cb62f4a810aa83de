"""The site as its readers meet it: in Chromium, with nothing but its own files within reach."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import addresses
import pytest
import site_files
from browser import WIDTHS, barriers, opened, served, with_fonts
from bs4 import BeautifulSoup
from listing import NOTEBOOKS, ROOT
from support import copy_tree, run
from try_page import PAGE as TRY

SMALL = ["index", "start", "08_triplet", "10_metrics", "workshop/files"]
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


def asked(
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
        for address in asked(page):
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
        found = [
            results.nth(i).get_attribute("href").removeprefix("./").split("#")[0]
            for i in range(min(3, results.count()))
        ]
        results.first.click()
        page.wait_for_load_state()
        assert wrong == [] and page.url.removeprefix(address + "/").split("#")[0] == found[0]
        page.context.close()
    return found


def seen_at_once(browser, site: Path, width: int, height: int) -> list[tuple[float, float]]:
    "How far network, commands, ranked list and table of the front page reach; all are seen unscrolled."
    with served(site) as address:
        page, _ = opened(browser, f"{address}/index.html")
        page.set_viewport_size({"width": width, "height": height})
        ends = page.evaluate(
            """() => ["main", "img[src$='network.svg']", "#two-commands pre:last-of-type", "img[src$='ranked.png']",
                      "#what-comes-out table"].map(css => {
                const { right, bottom } = document.querySelector(css).getBoundingClientRect();
                return [right, bottom]; })"""
        )
        page.context.close()
    (edge, _), *parts = map(tuple, ends)
    assert all(right <= edge and 0 < bottom <= height for right, bottom in parts)
    return parts


def trail(
    site: Path,
    name: str,  # of a page
) -> list[str]:  # of a page that has all: section, section, its own name, previous, next
    "Where a page says that it stands."
    page = BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")
    crumbs = page.select_one(".quarto-title-breadcrumbs").select(".breadcrumb-item")
    return [tag.get_text(" ", strip=True) for tag in [*crumbs, *page.select(".page-navigation a")]]


def unreached(
    site: Path,
    names: Iterable[str],  # of pages
) -> list[str]:
    "Links of other nbdev projects to these pages that lead nowhere."
    wanted, faults = addresses.cross_links(), []
    for name in names:
        page = BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")
        there = {tag["id"] for tag in page.find_all(id=True)}
        faults += [f"{name}#{place}" for place in wanted.get(name, set()) - there]
    return faults


def test_site_in_a_browser(browser, tmp_path):
    site = built(tmp_path, *SMALL)
    pages = ["index.html", "triplet.html", "workshop/files.html"]
    assert seen(browser, site, [*pages, TRY.name], (390, 1440)) == []
    assert (site / TRY.name).read_bytes() == TRY.read_bytes()  # its locks let nothing be added
    for name, address in (("index.html", "try.html"), ("workshop/files.html", "../try.html")):
        page = BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")
        (line,) = [a for a in page.select("#quarto-sidebar a, .sidebar a") if "Try it" in a.get_text()][:1]
        assert line["href"].removeprefix("./") == address
    front = BeautifulSoup((site / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert [a["href"] for a in front.select("main a[href$='try.html']")] == ["try.html"]
    assert trail(site, "triplet.html")[:2] == ["Course", "Batches and losses"]
    assert trail(site, "workshop/files.html")[:2] == ["Workshop", "Engine: files and arrays"]
    assert trail(site, "reference/files.html")[:2] == ["Reference", "reid_course.engine"]
    assert trail(site, "triplet.html")[3:] == ["P×K batches", "Learned task weights"]
    assert unreached(site, pages) == []
    assert "triplet.html" in search(browser, site, "semi-hard")
    assert "metrics.html" in search(browser, site, "mAP")
    assert "workshop/files.html" in search(browser, site, "Files that appear whole")
    with with_fonts(browser, "DejaVu*") as fresh, with_fonts(browser, "STIX*") as odd:
        for size in ((1440, 900), (1366, 768), (1280, 800)):
            assert len({tuple(seen_at_once(machine, site, *size)) for machine in (browser, fresh, odd)}) == 1


@pytest.mark.long
def test_whole_site(browser, tmp_path):
    site = built(tmp_path)
    names = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    assert {addresses.address(path) for path in NOTEBOOKS} <= set(names)
    assert set(addresses.cross_links()) <= set(names)
    assert unreached(site, addresses.cross_links()) == []
    assert broken(site) == []
    assert too_large(site) == []
    assert seen(browser, site, names, tuple(WIDTHS)) == []
    for words, page in {
        "re-ranking": "workshop/distances.html",
        "mAP": "metrics.html",
        "attention": "attention.html",
        "atomic_write": "workshop/files.html",
    }.items():
        assert page in search(browser, site, words)


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
