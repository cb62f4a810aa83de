"""The local page in a browser that is cut off from every other machine."""

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from app_world import app_of, make_world
from browser import barriers, opened
from playwright.sync_api import Page, expect

from reid_course.pages.loopback import listen

EVIL = "<img src=x onerror=document.title=1>&${1+1}{{2*2}}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    "Drawn people, a run, and what it searches."
    return make_world(tmp_path_factory.mktemp("app"))


# In a browser


@contextmanager
def on_air(world: SimpleNamespace, **more: Any) -> Iterator[str]:  # the address
    "The page, served by this process."
    listener = listen(0)
    server = uvicorn.Server(
        uvicorn.Config(app_of(world, **more), log_level="critical", timeout_graceful_shutdown=1)
    )
    thread = Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def cut_off(monkeypatch) -> list[object]:
    "What this process asks of other machines: refused, and listed."
    asked, connect, resolve = [], socket.socket.connect, socket.getaddrinfo

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1"):
            return connect(self, address)
        asked.append(address)
        raise OSError("no network")

    def resolved(host: Any, *rest: Any, **more: Any) -> Any:
        if host in ("127.0.0.1", "localhost", None):
            return resolve(host, *rest, **more)
        asked.append(host)
        raise socket.gaierror("no network")

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return asked


expect.set_options(timeout=30_000)  # a machine may have other things to do


def drop(page: Page, path: str | Path, which: str = "first") -> None:
    page.locator(f"#{which}-picture input[type=file]").set_input_files(path)


def listed(page: Page) -> list[str]:
    return page.locator(".ranked li").all_inner_texts()


def test_a_dropped_picture_is_ranked_as_the_gallery_does(world, browser, cut_off, tmp_path: Path):
    query = world.data.query.iloc[5]
    with on_air(world, names={int(query.pid): EVIL}) as address:
        page, wrong = opened(browser, address, until="load")
        drop(page, shutil.copy(query.path, tmp_path / "mine.jpg"))  # known by its bytes
        expect(page.locator(".ranked li")).to_have_count(12)
        found = world.gallery.search(query.path, 13)
        found = found[~found.path.isin(world.known.copies(query.path).path)].head(12)
        for text, (rank, (_, row)) in zip(listed(page), enumerate(found.iterrows(), 1), strict=True):
            mark = "" if row.pid < 0 else "✓" if row.pid == query.pid else "✗"
            who = {query.pid: EVIL, 0: "a distractor", -1: "junk"}.get(row.pid, f"person {row.pid:.0f}")
            lines = [
                str(rank),
                *([mark] if mark else []),
                f"{row.distance:.3f}",
                who,
                f"camera {row.camid:.0f}",
            ]
            assert [line.strip() for line in re.split(r"\n+", text)] == lines
        expect(page.locator(".seen h2")).to_have_text("mine.jpg")
        expect(page.locator(".seen tbody tr")).to_have_count(12)
        assert f"{EVIL}, as the data set says." in page.locator(".seen").inner_text()
        predicted = world.gallery.model.predict(query.path)
        said = page.locator(".seen tbody tr").first.locator("td").all_inner_texts()
        assert said[0].split()[0] == predicted.labels().age[0]
        assert said[1].strip() == f"{100 * predicted.probabilities['age'][0].max():.0f} %"

        drop_again = tmp_path / "stranger.jpg"  # other bytes: nobody says who it is
        drop_again.write_bytes(Path(query.path).read_bytes() + b"0")
        page.locator("#first-picture").get_by_label("Clear").click()
        expect(page.locator(".ranked")).to_have_count(0)
        drop(page, drop_again)
        expect(page.locator(".ranked li")).to_have_count(12)
        assert not {"✓", "✗"} & set("".join(listed(page))) and page.locator(".right, .wrong").count() == 0
        assert page.title() == "Search by picture" and (wrong, cut_off) == ([], [])


@pytest.mark.parametrize(("width", "folded"), [(390, True), (1440, False)])
def test_what_is_found_is_in_sight_at_once(world, browser, width: int, folded: bool):
    with on_air(world) as address:
        page, wrong = opened(browser, address, width, until="load")
        expect(page.locator(".samples button")).to_have_count(12)
        drop(page, world.data.query.path[5])
        last = page.locator(".ranked li").nth(2)
        expect(page.locator(".seen details:not([open])" if folded else ".seen details[open]")).to_have_count(
            1
        )
        expect(last).to_be_in_viewport(ratio=1)
        expect(page.locator("#seen-title")).to_be_in_viewport(ratio=1)
        if folded:
            page.get_by_text("What the network says of it").click()
        expect(page.locator(".seen tbody tr").first).to_be_visible()
        assert wrong == []


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_page_is_for_everybody_and_asks_nobody(
    world, browser, cut_off, tmp_path: Path, width: int, scheme: str
):
    query, other = world.data.query.path[0], world.data.query.path[4]
    measured = {"equal": {"distance": 1e9, "false_accepts": 0.04, "false_rejects": 0.2}}
    with on_air(world, measured=measured) as address:
        page, wrong = opened(browser, address, width, scheme, until="load")
        expect(page.locator(".samples button")).to_have_count(12)
        expect(page).to_have_title("Search by picture")
        seen = [barriers(page)]

        # by keyboard: to a sample, taken, and on to what is said of it
        sample = page.locator(".samples button").first
        sample.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".ranked li")).to_have_count(12)
        expect(page.locator("#seen-title")).to_be_focused()
        seen.append(barriers(page))
        result = page.locator(".ranked button").nth(1)  # what was found is asked about in its turn
        path = world.known.table.path[int(result.get_attribute("data-picture"))]
        result.click()
        expect(page.locator("#seen-title")).to_have_text(Path(path).name)

        # filters and number
        page.get_by_text("Filters and number of pictures").click()
        page.get_by_label("How many pictures").first.fill("5")
        page.get_by_label("How many pictures").first.press("Enter")
        expect(page.locator(".ranked li")).to_have_count(5)
        page.get_by_label("gender").first.click()
        page.get_by_role("option", name="female").click()
        fits = int((world.gallery.probabilities["gender"].argmax(1) == 1).sum())
        said = "The nearest picture" if fits == 1 else f"The {min(5, fits)} nearest"
        expect(page.locator(".ranked h2")).to_contain_text(said)
        page.keyboard.press("Escape")
        seen.append(barriers(page))

        # same or not; what is no image is refused by its name alone
        page.get_by_role("tab", name="Same person?").click()
        drop(page, query)
        drop(page, other, "second")
        expect(page.locator(".same h2")).to_have_text("The same person")
        a, b = world.gallery.model.predict([query, other]).embeddings
        expect(page.locator(".worth")).to_contain_text(f"Distance {((a - b) ** 2).sum() ** 0.5:.3f};")
        seen.append(barriers(page))
        (tmp_path / "text.png").write_text("no image")
        page.locator("#first-picture").get_by_label("Clear").click()
        drop(page, tmp_path / "text.png")
        said = page.get_by_role("alert").filter(has_text="Not used").inner_text()
        assert (
            "text.png: not a readable image (none of JPEG, PNG, BMP, WebP, TIFF)" in said and "/" not in said
        )
        seen.append(barriers(page))

        assert seen == [[]] * len(seen) and (wrong, cut_off) == ([], [])
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].filter(i => !i.closest('button') && !i.alt).length") == 0
        assert page.evaluate("[...document.fonts].map(face => face.status)") == ["loaded"]
