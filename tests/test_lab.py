"""The lessons where they are worked with: a real JupyterLab in Chromium."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from browser import MISSING, chromium, find_chromium
from support import NOTEBOOKS, ROOT, copy_tree

SHORT = "03_split"
PER_LESSON = 600  # seconds, on a busy machine


def cleared(
    tree: Path,  # a folder to make
) -> Path:  # the same
    "A copy of the project whose lessons show nothing: old outputs must not pass for new ones."
    for path in (copy_tree(tree) / "nbs").glob("*.ipynb"):
        lesson = nbformat.read(path, as_version=4)
        for cell in lesson.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(lesson, path)
    return tree


def free_port() -> int:
    "A port that nobody listens to."
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def homes(
    folder: Path,
) -> dict[str, str]:  # environment variables
    "Jupyter's own folders, empty but for the settings that a test needs, and a browser that notes what it is shown."
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    whole = {"windowingMode": "none"}  # cells out of sight exist too
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps(whole))
    (folder / "config").mkdir()
    server = {"port": free_port(), "ip": "127.0.0.1", "allow_root": True, "port_retries": 0}
    (folder / "config" / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": server}))
    note = folder / "note"
    note.write_text(
        f'#!/bin/sh\nprintf %s "$1" > {folder}/shown.part && mv {folder}/shown.part {folder}/shown\n'
    )
    note.chmod(0o755)
    names = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    own = {f"JUPYTER_{name}_DIR": str(folder / place) for name, place in names.items()}
    return own | {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "BROWSER": f"{note} %s"}


@contextmanager
def lab(
    tree: Path,  # a copy of the project
    folder: Path,  # to keep Jupyter's things in
) -> Iterator[str]:  # the address that it opens, with its token
    "JupyterLab as `make lab` starts it."
    recipe = re.search(r"^lab:.*\n\t\$\(BIN\)/(.*)", (ROOT / "Makefile").read_text(), re.M)[1]
    program, *arguments = recipe.split()
    command = [Path(sys.executable).parent / program, *arguments]
    own = os.environ | homes(folder) | {"PYTHONPATH": str(tree)}
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=tree, env=own, stdout=out, stderr=out, start_new_session=True)
    try:
        start = time.monotonic()
        while not (folder / "shown").exists():
            assert process.poll() is None and time.monotonic() - start < 120, log.read_text()
            time.sleep(0.2)
        page = Path((folder / "shown").read_text().removeprefix("file://")).read_text()
        yield re.search(r'url=([^"]+)"', page)[1].replace("&amp;", "&")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.fixture
def browser():
    "Chromium, or a skip that says what is missing."
    if not find_chromium():
        pytest.skip(MISSING)
    with chromium() as found:
        yield found


def run_all(
    page,  # with a notebook open
    seconds: float,
) -> None:
    "Run › Run All Cells, to the end."
    page.locator(".jp-NotebookPanel-toolbar").wait_for(timeout=60_000)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(
        """() => [...document.querySelectorAll(".jp-Notebook .jp-CodeCell")]
            .filter(c => c.querySelector(".cm-content").textContent.trim())
            .every(c => /\\[\\d+\\]/.test(c.querySelector(".jp-InputPrompt").textContent))
            || document.querySelector("[data-mime-type='application/vnd.jupyter.error']")""",
        timeout=1000 * seconds,
    )
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=60_000)


def shown(
    page,  # with a notebook that has run
) -> dict:
    "What is to be seen: cells that did not run, errors, pictures without size, bars, what checks say."
    return page.evaluate(
        """() => {
            const all = (css, root = document) => [...root.querySelectorAll(css)];
            const cells = all(".jp-Notebook .jp-CodeCell").filter(
                c => c.querySelector(".cm-content").textContent.trim());
            const text = c => c.querySelector(".cm-content").innerText;
            return {
                cells: cells.length,
                kernel: document.querySelector(".jp-KernelName").textContent.trim(),
                waiting: cells.filter(
                    c => !/\\[\\d+\\]/.test(c.querySelector(".jp-InputPrompt").textContent)).map(text),
                errors: all("[data-mime-type='application/vnd.jupyter.error']").map(e => e.innerText),
                figures: all(".jp-OutputArea img").length,
                blank: all(".jp-OutputArea img").filter(i => !(i.naturalWidth > 0)).length,
                bars: all(".jp-OutputArea .progress-bar, .jp-OutputArea .widget-hprogress .progress > *").map(
                    b => [b.className, b.style.width]),
                typed: all(".jp-OutputArea-output").filter(o => /\\d%\\|/.test(o.innerText)).length,
                checks: cells.filter(c => /^check\\(/m.test(text(c))).map(
                    c => (c.querySelector(".jp-OutputArea") || {innerText: ""}).innerText),
            }; }"""
    )


def faults(
    page,
    lesson: Path,  # as it is stored, with its outputs
) -> list[str]:
    "What is wrong with a lesson that runs in JupyterLab."
    run_all(page, PER_LESSON)
    found = shown(page)
    code = [cell for cell in nbformat.read(lesson, as_version=4).cells if cell.cell_type == "code"]
    figures = [output for cell in code for output in cell.outputs if "image/png" in output.get("data", {})]
    wrong = [f"did not run: {cell}" for cell in found["waiting"]] + found["errors"]
    expected = {
        "cells": len([cell for cell in code if cell.source.strip()]),
        "figures": len(figures),
        "blank": 0,
        "typed": 0,  # a bar made of letters
        "kernel": "python3",
    }
    wrong += [
        f"{name}: {found[name]}, expected {value}" for name, value in expected.items() if found[name] != value
    ]
    wrong += [f"a bar that is not full: {bar}" for bar in found["bars"] if bar[1] != "100%"]
    wrong += [
        f"a check that says nothing: {said!r}" for said in found["checks"] if not re.search("[✓✗]", said)
    ]
    return wrong


def test_opens_on_the_start_lesson_and_runs_one(browser, tmp_path):
    tree = cleared(tmp_path / "tree")
    with lab(tree, tmp_path / "jupyter") as address:
        page = browser.new_page()
        page.goto(address)
        page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-MarkdownOutput h1").first.wait_for(
            timeout=60_000
        )
        assert (
            page.locator(".lm-TabBar-tab.jp-mod-current .lm-TabBar-tabLabel").first.inner_text()
            == "start.ipynb"
        )
        assert page.locator(".jp-KernelName").inner_text() == "python3"
        assert page.locator(".jp-Dialog").count() == 0
        page.goto(address.replace("start.ipynb", f"{SHORT}.ipynb").replace("/lab/", "/lab/workspaces/one/"))
        assert faults(page, ROOT / "nbs" / f"{SHORT}.ipynb") == []
