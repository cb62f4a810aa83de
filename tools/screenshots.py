"""Pictures of every page at three widths, light and dark: python tools/screenshots.py [FOLDER [PAGE…]]

Into build/screenshots/, to be looked at. FOLDER is a site, `_docs` unless another is named.
"""

import sys
from pathlib import Path

from browser import WIDTHS, chromium, opened, served
from lessons import ROOT

OUT = ROOT / "build" / "screenshots"


def main(
    site: Path,
    names: list[str],  # pages; none: all
) -> None:
    "Take the pictures, each from top to bottom."
    OUT.mkdir(parents=True, exist_ok=True)
    pages = names or sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    with chromium() as browser, served(site) as address:
        for name in pages:
            for width in WIDTHS:
                for scheme in ("light", "dark"):
                    page, wrong = opened(browser, f"{address}/{name}", width, scheme)
                    file = OUT / f"{name.removesuffix('.html').replace('/', '-')}-{width}-{scheme}.png"
                    page.screenshot(path=file, full_page=True)
                    page.context.close()
                    print(file.relative_to(ROOT), *wrong, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "_docs", sys.argv[2:])
