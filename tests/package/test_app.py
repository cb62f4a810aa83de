"""The local page: what it answers and what it refuses to, without a server; then in a browser that is cut off."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import pandas as pd
import pytest
import uvicorn
from browser import barriers, opened
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from support import failed, run

from reid_course.data import load_dataset
from reid_course.minimarket import make_minimarket
from reid_course.pages.app import make_app
from reid_course.pages.cards import KnownPictures
from reid_course.pages.loopback import listen, web_app
from reid_course.retrieval import Gallery
from reid_course.training import train

EVIL = "<img src=x onerror=document.title=1>&${1+1}{{2*2}}"
QUICK = {
    "weights": None,
    "size": (64, 32),
    "strides": "imagenet",
    "epochs": 1,
    "p": 4,
    "k": 2,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    "Drawn people, a run, and what it searches."
    root = make_minimarket(tmp_path_factory.mktemp("app") / "mini", 12, (64, 32), images_per_identity=4)
    data = load_dataset(root)
    trained = train(data, root.parent / "run", **QUICK)
    gallery = Gallery(model=trained.model())
    gallery.add_images(data.gallery)
    known = KnownPictures(pd.concat([data.query, data.gallery]))
    return SimpleNamespace(root=root, data=data, run=trained, gallery=gallery, known=known)


def app_of(world: SimpleNamespace, **more: Any) -> Any:
    return web_app(make_app(world.gallery.model, world.gallery, world.known, **more))


@pytest.fixture
def client(world: SimpleNamespace) -> TestClient:
    return TestClient(app_of(world), base_url="http://127.0.0.1")


# Without a server


def test_no_file_of_the_machine_is_served(world: SimpleNamespace, client: TestClient):
    image = world.data.gallery.path[0]  # the page shows it, and does not hand out the file
    for path in (
        "/etc/passwd",
        image,
        f"{Path(image).parent}/../../run/config.json",
        __file__,
        "../setup.py",
    ):
        for route in ("/gradio_api/file=", "/gradio_api/file/", "/file=", "/static/", "/assets/", "/svelte/"):
            answer = client.get(route + path)
            assert answer.status_code in (403, 404), (route, path)
    assert client.get("/gradio_api/file=http://127.0.0.1:1/x").text == '"nothing is fetched from elsewhere"'


def test_other_names_of_this_machine_are_not_answered(client: TestClient):
    assert client.get("/config", headers={"host": "evil.example:7860"}).status_code == 400
    assert client.get("/config", headers={"host": "localhost:7860"}).status_code == 200
    told = client.get("/config", headers={"origin": "http://evil.example"}).headers
    assert "evil.example" not in told.get("access-control-allow-origin", "")


def test_nothing_is_counted_shared_or_documented(client: TestClient):
    settings = client.get("/config").json()
    assert settings["analytics_enabled"] is False and settings["footer_links"] == []
    assert not settings.get("share_url")
    assert {call["api_visibility"] for call in settings["dependencies"]} == {"private"}
    for path in ("/docs", "/redoc", "/openapi.json", "/monitoring", "/gradio_api/runs"):
        assert client.get(path).status_code in (403, 404), path
    page = client.get("/").text
    assert not re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:)?//', page)


def test_without_gradio_one_line_says_what_to_install(monkeypatch, capsys, world: SimpleNamespace):
    monkeypatch.setitem(sys.modules, "gradio", None)
    line = failed(capsys, "serve", world.run.path, "--data", world.root)
    assert line == "reid-course: the page needs Gradio; install it with: pip install 'reid_course[app]'"


def test_an_old_gradio_is_named(monkeypatch, capsys, world: SimpleNamespace):
    monkeypatch.setattr("gradio.__version__", "3.50.2")
    line = failed(capsys, "serve", world.run.path, "--data", world.root)
    assert "Gradio 3.50.2 is too old" in line and "pip install 'reid_course[app]'" in line


def test_a_taken_port_is_one_line(capsys, world: SimpleNamespace):
    with listen(0) as taken:
        port = taken.getsockname()[1]
        line = failed(capsys, "serve", world.run.path, "--data", world.root, "--port", port)
    assert f"port {port} cannot be used" in line and "--port 0" in line
    assert "port 99999 cannot be used" in failed(
        capsys, "serve", world.run.path, "--data", world.root, "--port", 99999
    )


def test_gradio_is_imported_when_it_is_asked_for():
    code = "import sys, reid_course.cli.serving, reid_course.pages.loopback; print('gradio' in sys.modules)"
    assert run("python", "-c", code) == (0, "False\n")


def test_a_network_without_attributes_has_a_page_without_filters(world: SimpleNamespace):
    gallery = Gallery(model=world.gallery.model)
    gallery.add(world.gallery.embeddings, world.gallery.table[["path"]])
    blocks = make_app(world.gallery.model, gallery).blocks.values()
    assert [block.label for block in blocks if type(block).__name__ == "Dropdown"] == []


# As a command


@contextmanager
def command(world: SimpleNamespace, folder: Path, *words: object) -> Iterator[tuple[subprocess.Popen, str]]:
    "`reid-course serve` in a process and an empty folder of its own, and the page's address."
    code = "import sys; from reid_course.cli.main import main; sys.exit(main())"
    asked = ["serve", world.run.path.resolve(), "--port", 0, *words]
    where = os.environ | {"TMPDIR": str(folder / "tmp"), "PYTHONPATH": os.pathsep.join(sys.path)}
    for name in ("tmp", "here"):
        (folder / name).mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, asked)],
        cwd=folder / "here",
        env=where,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        first, second = process.stdout.readline(), process.stdout.readline()
        yield process, f"{first}{second}"
    finally:
        process.kill()
        process.communicate()


def port_of(said: str) -> int:
    return int(re.search(r"http://127\.0\.0\.1:(\d+) ", said)[1])


def dropped(port: int, content: bytes) -> Path:
    "Where a picture lies that is dropped on the page."
    import httpx

    files = {"files": ("me.jpg", content, "image/jpeg")}
    answer = httpx.post(f"http://127.0.0.1:{port}/gradio_api/upload", files=files, trust_env=False)
    return Path(answer.json()[0])


@pytest.mark.skipif(os.name != "posix", reason="sends signals of POSIX systems")
@pytest.mark.parametrize(
    "how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)], ids=["ctrl-c", "terminated"]
)
def test_command_serves_this_machine_alone_and_leaves_nothing(world, how, tmp_path: Path):
    gallery = tmp_path / "g.npz"
    world.gallery.save(gallery)
    words = ["--gallery", gallery] if how == signal.SIGTERM else ["--data", world.root.resolve()]
    with command(world, tmp_path, *words) as (process, said):
        n = len(world.gallery)
        found = (
            f"{n} pictures in {gallery}; " if "--gallery" in words else f"{world.data.summary}; {n} gallery"
        )
        assert said.startswith(found), said
        port = port_of(said)
        for address in {"127.0.0.2", socket.gethostbyname(socket.gethostname())} - {"127.0.0.1"}:
            with socket.socket() as caller:
                assert caller.connect_ex((address, port)) != 0, address
        with urlopen(f"http://127.0.0.1:{port}/") as page:
            assert page.status == 200
        mine = dropped(port, Path(world.data.query.path[0]).read_bytes())
        assert mine.is_relative_to(tmp_path / "tmp") and mine.is_file()
        process.send_signal(how)
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "ended; what was dropped on the page is removed\n")
    assert [*(tmp_path / "tmp").iterdir()] == [] and [*(tmp_path / "here").iterdir()] == []


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
        fits = world.gallery.probabilities["gender"].argmax(1) == 1
        expect(page.locator(".ranked h2")).to_contain_text(f"The {min(5, fits.sum())} nearest")
        page.keyboard.press("Escape")
        seen.append(barriers(page))

        # same or not; what is no image is refused by its name alone
        page.get_by_role("tab", name="Same person?").click()
        drop(page, query)
        drop(page, other, "second")
        expect(page.locator(".same h2")).to_have_text("The same person")
        a, b = world.gallery.model.predict([query, other]).embeddings
        assert f"Distance {((a - b) ** 2).sum() ** 0.5:.3f};" in page.locator(".worth").inner_text()
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
