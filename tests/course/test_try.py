"""The page `try`: fresh, small, of no machine; searched in Chromium with a mouse, on a phone, and by keyboard alone."""

import base64
import json
import re

import numpy as np
import pytest
import try_page
from browser import WIDTHS, barriers, opened
from support import run

from reid_course.data import MARKET
from reid_course.engine.files import read_json

TEXT = try_page.PAGE.read_text(encoding="utf-8")
COLOUR = next(i for i, attribute in enumerate(MARKET) if attribute.name == "uppercolor")
RED = MARKET[COLOUR].classes.index("red")


def test_page_is_of_this_code_and_this_package():
    assert try_page.is_fresh(), "results/try is of another code or package: make lessons"


def test_mark_follows_each_of_its_sources(tmp_path, monkeypatch):
    page = tmp_path / "try.html"
    page.write_text("another page")
    assert try_page.mark() == try_page.mark()
    before = try_page.mark()
    monkeypatch.setattr(try_page, "PAGE", page)
    assert {name for name, found in try_page.mark().items() if found != before[name]} == {"page"}
    monkeypatch.setattr(try_page, "FRAME", try_page.FRAME[:1])
    assert {name for name, found in try_page.mark().items() if found != before[name]} == {"page", "frame"}
    assert set(read_json(try_page.MARK)) == set(before) and not try_page.is_fresh()


def test_page_is_small_and_holds_no_path_and_no_address():
    assert sum(file.stat().st_size for file in try_page.FOLDER.iterdir()) <= 2_000_000
    plain = re.sub(r"[A-Za-z0-9+/=]{200,}", "", TEXT)  # pictures, letters, distances
    assert not re.search(r"/(home|root|Users|tmp|work)/|[A-Z]:\\", plain)
    assert set(re.findall(r"https?://[^\"'\s)]+", plain)) <= {
        "http://www.w3.org/2000/svg"
    }  # a name, not asked
    assert set(re.findall(r'(?:href|src)="([^"]*)"', plain)) == {"index.html"}


def test_page_says_what_it_is():
    facts = re.sub(
        r"\s+", " ", re.sub("<[^>]+>", " ", re.search(r'<dl class="facts">.*?</dl>', TEXT, re.S)[0])
    )
    said = (
        r" people drawn by a program, none real network trained for (\d+) s of one core on 50 others, seed 5 "
    )
    assert re.fullmatch(said + "counted matches by other cameras ", facts), facts


def test_command_leaves_a_fresh_page_alone():
    if not try_page.is_fresh():
        pytest.skip("the page is not fresh, as another test says")
    code, output = run("python", "tools/try_page.py", cwd=try_page.ROOT)
    assert code == 0 and "is fresh" in output


@pytest.fixture(scope="module")
def told() -> dict:
    "What the page hands to its script."
    return json.loads(re.search(r'id="page">(.*?)</script>', TEXT, re.S)[1])["explorer"]


def floats(text: str, n: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(n, -1)


def expected(told: dict, query: int, red: bool = False) -> list[int]:
    "Pictures nearest first, cross-camera; `red`: of those, what the network calls red."
    pictures, (model,) = told["pictures"], told["models"]
    who = [(picture["pid"], picture["camera"]) for picture in pictures]
    near = np.argsort(floats(model["distances"], len(pictures))[query], kind="stable").tolist()
    kept = [i for i in near if i != query and who[i] != who[query]]
    return [i for i in kept if not red or model["predicted"][i][COLOUR] == RED]


def by_words(told: dict) -> list[int]:
    "Pictures by how probably their upper colour is red."
    p = floats(told["models"][0]["probabilities"], len(told["pictures"]))
    column = sum(len(attribute.classes) for attribute in MARKET[:COLOUR]) + RED
    return np.argsort(-p[:, column], kind="stable").tolist()


def found(page) -> list[int]:
    "What is found, as it stands on the screen, as far as it is shown."
    return page.eval_on_selector_all("#ranked button", "buttons => buttons.map(b => Number(b.value))")


@pytest.mark.parametrize("width", WIDTHS)
def test_person_is_clicked_and_found(browser, told, width):
    page, wrong = opened(browser, try_page.PAGE.as_uri(), width)
    precision = np.array(told["models"][0]["ap_cross_camera"], float)
    query = int(np.nanargmax(precision))  # whom the network finds best
    page.locator("#thumbs button").nth(query).click()
    assert len(found(page)) >= 12 and found(page) == expected(told, query)[: len(found(page))]
    others = {(p["pid"], p["camera"]) for p in (told["pictures"][i] for i in found(page))}
    own = told["pictures"][query]
    assert (own["pid"], own["camera"]) not in others and any(pid == own["pid"] for pid, _ in others)
    ap = told["models"][0]["ap_cross_camera"][query]
    assert f"cross-camera: {ap:.1f}\u00a0%" in page.locator("#query-file").inner_text()

    page.locator("#conditions summary").click()
    page.get_by_role("combobox", name="uppercolor").select_option("red")
    kept = expected(told, query, red=True)
    assert 0 < len(kept) < 200 and found(page) == kept[: len(found(page))]
    assert (
        f"{len(kept)} of 239 pictures, cross-camera, uppercolor red" in page.locator("#status").inner_text()
    )

    page.get_by_label("by words alone").check()
    assert found(page) == by_words(told)[: len(found(page))]
    first = page.locator("#ranked button").first
    first.click()
    assert found(page) == expected(told, by_words(told)[0])[: len(found(page))]
    assert page.evaluate("document.documentElement.scrollWidth") <= width and wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anybody_out(browser, scheme):
    for width in WIDTHS:
        page, wrong = opened(browser, try_page.PAGE.as_uri(), width, scheme)
        assert barriers(page) == []
        page.get_by_label("by words alone").check()
        page.get_by_role("combobox", name="hat").select_option("yes")
        assert barriers(page) == [] and wrong == []
        page.context.close()


def tab_to(page, css: str, back: bool = False) -> None:
    "Press Tab until an element has the focus; it must be seen there."
    for _ in range(60):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if page.evaluate("css => document.activeElement.matches(css)", css):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
    raise AssertionError(f"Tab never comes to {css}")


def test_phone_and_keyboard_alone(browser, told):
    page, wrong = opened(browser, try_page.PAGE.as_uri(), 390)
    tab_to(page, "#thumbs button")  # a person: the first, the next row's second
    for key in ("Home", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    query = int(page.locator("#thumbs [aria-pressed=true]").get_attribute("value"))
    assert 3 < query < 12 and found(page) == expected(told, query)[:12]

    tab_to(page, "#conditions summary")  # a filter
    page.keyboard.press("Enter")
    tab_to(page, f"select[name='{COLOUR}']")
    page.keyboard.type("red")
    assert found(page) == expected(told, query, red=True)[: len(found(page))]

    tab_to(page, "input[name=way]", back=True)  # words
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.id") == "words" and found(page) == by_words(told)[:12]

    tab_to(page, "#more")  # more of them, and a search with one
    page.keyboard.press("Enter")
    assert len(found(page)) == 24 and page.evaluate("document.activeElement.value") == str(by_words(told)[12])
    page.keyboard.press("Enter")
    assert found(page) == expected(told, by_words(told)[12])[:12]
    assert page.evaluate("document.activeElement.id") == "query-name" and wrong == []
