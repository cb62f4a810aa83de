"""The local page: what it answers and what it refuses to, without a browser."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import pytest
from app_world import app_of, make_world
from fastapi.testclient import TestClient
from support import failed, run

from reid_course.pages.app import make_app
from reid_course.pages.loopback import listen
from reid_course.retrieval import Gallery


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    "Drawn people, a run, and what it searches."
    return make_world(tmp_path_factory.mktemp("app"))


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


@pytest.mark.parametrize("field", ["path", "url", "both"])
def test_a_file_of_another_place_is_refused_and_not_fetched(client: TestClient, field: str):
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.3)
        address = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/a.jpg"
        named = {name: address for name in ("path", "url") if field in (name, "both")}
        file = {"path": "a.jpg", "meta": {"_type": "gradio.FileData"}} | named
        for number in range(len(client.get("/config").json()["dependencies"])):
            for data in ([file], [[file]], [{"files": [file]}], [None, file]):
                sent = {"data": data, "fn_index": number, "session_hash": "x"}
                for route in ("queue/join", "run/predict", "api/predict", "call/look", "call/v2/look"):
                    answer = client.post(f"/gradio_api/{route}", json=sent)
                    assert answer.status_code in (403, 422), (route, number)
        with pytest.raises(TimeoutError):
            elsewhere.accept()
    for hidden in (address.upper(), address.replace("/", "\\"), "ftp://a/b", "//a/b"):
        sent = {"data": [file | {"path": hidden}], "fn_index": 0, "session_hash": "x"}
        assert client.post("/gradio_api/queue/join", json=sent).status_code == 403, hidden


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
    code = (  # a process started in the background may have been told to ignore Ctrl-C, and so would this one
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from reid_course.cli.main import main; sys.exit(main())"
    )
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
            f"searched: {gallery}: {n} images"
            if "--gallery" in words
            else f"{world.data.summary}; searched: {n} images"
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
