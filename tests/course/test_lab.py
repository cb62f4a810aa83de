"""The lessons where they are worked with: a real JupyterLab in Chromium."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from listing import FRONT, LESSONS, ROOT, WORKSHOP
from nbformat.v4 import new_code_cell, new_notebook, new_output
from support import copy_tree, free_port

SHORT = ROOT / "nbs" / "02_split.ipynb"
KERNEL = "Python 3 (ipykernel)"
PER_LESSON = 600  # seconds, on a busy machine


def cleared(
    tree: Path,  # a folder to make
) -> Path:  # the same
    "A copy of the project whose lessons show nothing yet: old outputs must not pass for new ones."
    for path in (copy_tree(tree) / "nbs").rglob("*.ipynb"):
        lesson = nbformat.read(path, as_version=4)
        for cell in lesson.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
                cell.metadata.pop("jupyter", None)  # solutions unfolded, or nobody sees whether they ran
        nbformat.write(lesson, path)
    return tree


def homes(
    folder: Path,
) -> dict[str, str]:  # environment variables
    "Jupyter's own folders, empty but for the settings that a test needs, and a browser that notes what it is shown."
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    whole = {"windowingMode": "none"}  # cells out of sight exist too
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps(whole))
    news = folder / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir()
    (news / "notification.jupyterlab-settings").write_text(
        json.dumps({"fetchNews": "false", "checkForUpdates": False})
    )
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
    own |= {"JUPYTER_PATH": "", "JUPYTER_PREFER_ENV_PATH": "1"}  # no kernel of the user's or the system's
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
        process.wait(120)  # it ends its kernels first, and a busy machine is slow


def run_all(
    page,  # with a notebook open
    seconds: float,
) -> None:
    "Run › Run All Cells, to the end."
    page.get_by_text(f"{KERNEL} | Idle").wait_for(timeout=120_000)
    prompts = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt")
    for _ in range(5):  # a kernel that has just come up may miss the first call
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_timeout(3_000)
        if any(re.search(r"[*\d]", prompt) for prompt in prompts.all_inner_texts()):
            break
    page.wait_for_function(
        """() => [...document.querySelectorAll(".jp-Notebook .jp-CodeCell")]
            .filter(c => c.querySelector(".cm-content").textContent.trim())
            .every(c => /\\[\\d+\\]/.test(c.querySelector(".jp-InputPrompt").textContent))
            || [...document.querySelectorAll(".jp-OutputArea-output")]
                .some(o => o.innerText.includes("Traceback ("))""",
        timeout=1000 * seconds,
    )
    page.get_by_text(f"{KERNEL} | Idle").wait_for(timeout=120_000)


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
                errors: all(".jp-OutputArea-output").map(o => o.innerText).filter(o => o.includes("Traceback (")),
                figures: all(".jp-OutputArea img").length,
                blank: all(".jp-OutputArea img").filter(i => !(i.naturalWidth > 0)).length,
                bars: all(".jp-OutputArea .progress-bar, .jp-OutputArea .widget-hprogress .progress > *").map(
                    b => [b.className, b.style.width, text(b.closest(".jp-CodeCell"))]),
                typed: all(".jp-OutputArea-output").filter(o => /\\d%\\|/.test(o.innerText)).length,
                checks: cells.filter(c => /^check\\(/m.test(text(c))).map(
                    c => (c.querySelector(".jp-OutputArea") || {innerText: ""}).innerText),
            }; }"""
    )


def red_on_purpose(
    style: str,  # of a bar
    width: str,
    code: str,  # of its cell
) -> bool:
    "Whether a bar stopped at an error that its cell awaits."
    return "progress-bar-danger" in style and re.search(r"\bexcept\b|\btest_fail\(", code) is not None


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
        "kernel": KERNEL,
    }
    wrong += [
        f"{name}: {found[name]}, expected {value}" for name, value in expected.items() if found[name] != value
    ]
    short = [bar for bar in found["bars"] if bar[1] != "100%" and not red_on_purpose(*bar)]
    wrong += [f"a bar that is not full: {bar}" for bar in short]
    wrong += [
        f"a check that says nothing: {said!r}" for said in found["checks"] if not re.search("[✓✗]", said)
    ]
    return wrong


def inside(
    address: str,  # of the start lesson, with a token
    lesson: Path,
) -> str:  # its address, in a workspace of its own: nothing else is open there
    "Another notebook in the same JupyterLab."
    place = lesson.relative_to(ROOT / "nbs").as_posix()
    return address.replace("start.ipynb", place).replace("/lab/", f"/lab/workspaces/{lesson.stem}/")


def test_opens_on_the_start_lesson_and_runs_one(browser, tmp_path):
    with lab(cleared(tmp_path / "tree"), tmp_path / "jupyter") as address:
        page = browser.new_page()
        page.goto(address)
        page.locator(".jp-MarkdownOutput h1", has_text="Start here").wait_for(timeout=120_000)
        page.get_by_text(f"{KERNEL} | Idle").wait_for(timeout=120_000)
        assert page.locator(".jp-Dialog").count() == 0, "it asks for a kernel"
        page.close()
        page = browser.new_page()
        page.goto(inside(address, SHORT))
        assert faults(page, SHORT) == []


FIRST = [path for path in LESSONS if path.stem in ("start", "02_split", "08_triplet", "12_training")]
DEEP = [pytest.param(path, marks=pytest.mark.deep) for path in (*LESSONS, *WORKSHOP) if path not in FIRST]


@pytest.mark.long
@pytest.mark.parametrize("lesson", [FRONT, *FIRST, *DEEP], ids=lambda path: path.stem)
def test_every_lesson_runs(browser, tmp_path, lesson):
    with lab(cleared(tmp_path / "tree"), tmp_path / "jupyter") as address:
        page = browser.new_page()
        page.goto(inside(address, lesson))
        assert faults(page, lesson) == []


def test_a_bar_may_stop_where_an_error_is_awaited():
    red, full = "progress-bar progress-bar-danger", "progress-bar progress-bar-success"
    assert red_on_purpose(red, "40%", "try:\n    train()\nexcept Exception:\n    pass")
    assert red_on_purpose(red, "40%", "test_fail(lambda: train())")
    assert not red_on_purpose(red, "40%", "train()")
    assert not red_on_purpose(full, "40%", "test_fail(lambda: train())")


@pytest.mark.long
def test_a_slider_moves_the_figure(browser, tmp_path):
    with lab(cleared(tmp_path / "tree"), tmp_path / "jupyter") as address:
        page = browser.new_page()
        page.goto(inside(address, ROOT / "nbs" / "08_triplet.ipynb"))
        run_all(page, PER_LESSON)
        figure = page.locator(".jp-OutputArea-output .widget-interact img, .jp-OutputArea .widget-output img")
        before = figure.first.get_attribute("src")
        handle = page.locator(".jp-OutputArea .noUi-handle, .jp-OutputArea [role=slider]").first
        handle.focus()
        handle.press("ArrowRight")
        page.wait_for_function(
            "([css, before]) => document.querySelector(css)?.src !== before",
            arg=[".jp-OutputArea .widget-output img", before],
            timeout=30_000,
        )


def test_faults_are_seen(browser, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    cells = [new_code_cell("1 / 0"), new_code_cell("check('00', None)")]
    shown_once = new_output("display_data", data={"image/png": ""})
    (tree / "nbs").mkdir()
    kernel = {"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), tree / "nbs" / "start.ipynb")
    stored = tmp_path / "stored.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("figure()", outputs=[shown_once]), cells[1]]), stored)
    with lab(tree, tmp_path / "jupyter") as address:
        page = browser.new_page()
        page.goto(address)
        wrong = "\n".join(faults(page, stored))
    for fault in (
        "ZeroDivisionError",
        "did not run: check",
        "figures: 0, expected 1",
        "a check that says nothing",
    ):
        assert fault in wrong
