"""A real browser and a server on this machine alone, for the tests and for screenshots."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import matplotlib
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = {390: 844, 768: 1024, 1440: 900}  # a phone, a tablet, a desk: width -> height
FONTS_ONLY = """<?xml version="1.0"?>
<fontconfig><dir>{folder}</dir><cachedir>{folder}</cachedir>
<include ignore_missing="yes">/etc/fonts/conf.d</include></fontconfig>
"""
MISSING = "no Chromium here; expected the program chromium: on Debian, apt-get install chromium"


def find_chromium() -> str | None:
    "The program, if there is one. With REQUIRE_BROWSER=1 its absence is an error."
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found and os.environ.get("REQUIRE_BROWSER") == "1":
        raise RuntimeError(MISSING)
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    "A browser without a window."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def with_fonts(
    browser: Browser,
    names: str,  # of files in matplotlib's folder of fonts: "DejaVu*", "STIX*"
) -> Iterator[Browser]:
    "A second browser of the same kind, on a machine that has these fonts and no others."
    with TemporaryDirectory() as folder:
        for file in (Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob(names):
            shutil.copy(file, folder)
        settings = Path(folder) / "fonts.conf"
        settings.write_text(FONTS_ONLY.format(folder=folder), encoding="utf-8")
        start, env = browser.browser_type.launch, os.environ | {"FONTCONFIG_FILE": str(settings)}
        other = start(executable_path=find_chromium(), args=["--no-sandbox"], env=env)
        yield other
        other.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(
    folder: Path,
) -> Iterator[str]:  # the address, without a slash at its end
    "A folder as a web site on the loopback interface."
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def opened(
    browser: Browser,
    address: str,
    width: int = 1440,
    scheme: str = "light",  # or "dark"
    until: str = "networkidle",  # or "load", of a page that keeps a connection open
) -> tuple[Page, list[str]]:  # the page, and everything that went wrong on it
    "A page in a browser that reaches this machine only; whatever else is asked for is refused and listed."
    view = browser.new_context(viewport={"width": width, "height": WIDTHS[width]}, color_scheme=scheme)
    page, wrong = view.new_page(), []
    here = address.split("/")[2] if address.startswith("http") else ""

    def guard(route) -> None:
        asked = route.request.url
        if asked.startswith(("data:", "blob:", "file:")) or (here and asked.split("/")[2] == here):
            route.continue_()
        else:
            wrong.append(f"asked for {asked}")
            route.abort()

    page.route("**/*", guard)
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(address, wait_until=until)
    page.evaluate("document.fonts.ready.then(() => null)")
    return page, wrong


def barriers(
    page: Page,
) -> list[str]:  # a line each
    "What keeps people from reading an open page: axe-core's violations of serious or critical level."
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
