"""Pictures of every page at three widths, light and dark: python tools/screenshots.py [FOLDER [PAGE…]]

Into build/screenshots/, to be looked at. FOLDER is a site, `_docs` unless another is named. With all pages come the
open search, the open menu, both shelves, and the page of `make course` where there is one. `python
tools/screenshots.py report` draws that page's search into nbs/images/, to be committed; it shows drawn people.
"""

import io
import sys
from pathlib import Path

from browser import WIDTHS, chromium, opened, served
from listing import ROOT
from PIL import Image
from playwright.sync_api import Browser

OUT = ROOT / "build" / "screenshots"
REPORT = ROOT / "runs" / "demo" / "report.html"


def take(
    browser: Browser,
    address: str,
    name: str,  # of the pictures
    widths: tuple[int, ...] = tuple(WIDTHS),
    click: str = "",  # on what, as CSS
    words: str = "",  # to type there
) -> None:
    "A page from top to bottom, in light and dark; after a click, what the window shows."
    for width in widths:
        for scheme in ("light", "dark"):
            page, wrong = opened(browser, address, width, scheme)
            if click:
                page.locator(click).first.click()
                page.keyboard.type(words)
                page.wait_for_timeout(1_000)
            file = OUT / f"{name}-{width}-{scheme}.png"
            page.screenshot(path=file, full_page=not click)
            page.context.close()
            print(file.relative_to(ROOT), *wrong, flush=True)


def main(
    site: Path,
    names: list[str],  # pages; none: all
) -> None:
    "Take the pictures."
    OUT.mkdir(parents=True, exist_ok=True)
    pages = names or sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    with chromium() as browser, served(site) as address:
        for name in pages:
            take(browser, f"{address}/{name}", name.removesuffix(".html").replace("/", "-"))
        if not names:
            take(browser, f"{address}/index.html", "search", (1440,), ".smalldocs-search input", "mAP")
            take(browser, f"{address}/index.html", "menu", (390,), "[aria-label='Toggle navigation']")
            sidebar = "[aria-label='Toggle sidebar navigation']"
            take(browser, f"{address}/workshop/files.html", "shelves", (390, 768), sidebar)
        if not names and REPORT.exists():
            take(browser, REPORT.as_uri(), "report")


def draw_report() -> None:
    "The search of the page that `make course` leaves behind, as a reader sees it."
    with chromium() as browser:
        page, _ = opened(browser, REPORT.as_uri())
        page.evaluate(
            "scrollTo({ top: document.getElementById('explorer').offsetTop - 20, behavior: 'instant' })"
        )
        page.wait_for_timeout(1_000)
        shot = Image.open(io.BytesIO(page.screenshot()))
    shot.save(ROOT / "nbs" / "images" / "report.webp", quality=80, method=6)


if __name__ == "__main__":
    if sys.argv[1:] == ["report"]:
        draw_report()
    else:
        main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "_docs", sys.argv[2:])
