"""The report page where it is read: opened from disk in a real browser and held against the gallery."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import MISSING, WIDTHS, chromium, find_chromium, opened, with_fonts
from hostile_people import EVIL, gallery_of, hostile_folder
from PIL import Image

from reid_course.data import ATTRIBUTES, load_dataset
from reid_course.engine.records import record
from reid_course.metrics import evaluate_embeddings
from reid_course.minimarket import make_minimarket
from reid_course.pages.charts import chart_curves
from reid_course.pages.explorer import gather
from reid_course.pages.report import report_comparison, report_run, write_page
from reid_course.retrieval import Gallery
from reid_course.training import train

NAMES = [attribute.name for attribute in ATTRIBUTES]
CLASSES = {attribute.name: attribute.classes for attribute in ATTRIBUTES}
QUICK = {"epochs": 1, "p": 4, "k": 2, "size": (64, 32), "weights": None}

pytestmark = pytest.mark.skipif(find_chromium() is None, reason=MISSING)


def found(page) -> list[int]:
    "The gallery's rows as they stand on the screen, all of them."
    while page.locator("#more").is_visible():
        page.click("#more")
    return page.eval_on_selector_all("#ranked button", "buttons => buttons.map(b => Number(b.value))")


def in_its_list(page) -> bool:
    "Whether the chosen thumbnail can be seen where it is to be chosen from."
    return page.evaluate(
        """() => {
            const [list, chosen] = ["#thumbs", "#thumbs [aria-pressed=true]"].map(
                css => document.querySelector(css).getBoundingClientRect());
            return chosen.height > 0 && chosen.top >= list.top && chosen.bottom <= list.bottom; }"""
    )


def violations(page) -> list[str]:
    "What keeps somebody from using the page."
    wrong = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in wrong if v["impact"] in ("serious", "critical")
    ]


def fits(page, width: int) -> bool:
    return page.evaluate("document.documentElement.scrollWidth") <= width


def test_page_searches_as_the_gallery_does(tmp_path):
    data = hostile_folder(tmp_path)
    run = train(data, tmp_path / f"{EVIL} run", "sa", **QUICK)
    file, gallery = report_run(run, data), gallery_of(run, data)
    table, names = gallery.table, load_dataset(data).names
    assert file.stat().st_size < 15e6
    with chromium() as browser:
        page, wrong = opened(browser, file.as_uri(), width=390)

        # the chosen picture is in sight in its list, and the list alone has moved
        page.add_style_tag(content="#thumbs { max-height: 6rem !important }")
        for order in ("worst", "person"):
            page.get_by_label("Order").select_option(order)
            page.eval_on_selector("#thumbs", "list => { list.scrollTop = 0 }")
            page.evaluate("scrollTo(0, 0)")
            page.eval_on_selector("#ranked li:last-child button", "button => button.click()")
            assert in_its_list(page) and page.evaluate("document.activeElement.id") == "query-name"
        page.eval_on_selector("#thumbs", "list => { list.scrollTop = list.scrollHeight }")
        page.get_by_label("Order").select_option("worst")
        assert in_its_list(page)
        page.get_by_label("Order").select_option("person")

        # a query, chosen by clicking: order, distances, marks and the plot are the gallery's
        query = 3
        page.locator("#thumbs button").nth(query).click()
        expected = gallery.search(gallery.embeddings[query], top=len(gallery)).drop(query)
        assert found(page) == expected.index.tolist()
        cards = page.locator("#ranked li").all_inner_texts()
        for card, (_, row), rank in zip(cards, expected.iterrows(), range(1, len(cards) + 1), strict=True):
            mark = "✓" if row.pid == table.pid[query] else "✗"
            assert card.split("\n") == [
                f"{rank} {mark}",
                f"{row.distance:.2f}",
                names[row.pid],
                f"camera {row.camid}",
            ]
        right = (np.flatnonzero(expected.pid == table.pid[query]) + 1).tolist()
        dots = page.eval_on_selector_all(
            "#distances .hit[data-rank]", "dots => dots.map(d => +d.dataset.rank)"
        )
        assert dots == right

        # what is said about it, and how surely
        for name, line in zip(NAMES, page.locator("#answers tbody tr").all_inner_texts(), strict=True):
            p, classes = gallery.probabilities[name][query], CLASSES[name]
            said, true = classes[p.argmax()], classes[table[name][query]]
            mark = "✓" if said == true else "✗"
            assert line.split() == [name, true, said, mark, f"{100 * p.max():.0f}", "%"]

        # the failures first
        pids = table.pid.to_numpy()
        ap = evaluate_embeddings(*[gallery.embeddings] * 2, pids, pids, leave_out="diagonal").ap
        page.get_by_label("Order").select_option("worst")
        worst = page.locator("#thumbs button").first
        assert ap[int(worst.get_attribute("value"))].round(3) == ap.min().round(3)
        page.get_by_label("Order").select_option("person")

        # filters, and other cameras only
        page.locator("#conditions summary").click()
        page.get_by_role("combobox", name="gender", exact=True).select_option("male")
        male = gallery.search(gallery.embeddings[query], len(gallery), {"gender": "male"})
        assert found(page) == male.drop(query, errors="ignore").index.tolist()
        page.get_by_role("button", name="Clear").click()
        page.get_by_label("cross-camera").check()
        near = (expected.pid == table.pid[query]) & (expected.camid == table.camid[query])
        assert near.any() and found(page) == expected.index[~near].tolist()
        cams = table.camid.to_numpy(int)
        across = evaluate_embeddings(*[gallery.embeddings] * 2, pids, pids, cams, cams).ap[query]
        said = "No other picture" if np.isnan(across) else f"cross-camera: {100 * across:.1f}\u00a0%"
        assert said in page.locator("#query-file").inner_text()
        page.get_by_role("button", name="Clear").click()
        assert found(page) == expected.index.tolist()

        # words alone, then a picture of what they find
        page.get_by_label("by words alone").check()
        assert found(page) == [] and not page.locator("#question").is_visible()
        where = {"up": "short", "gender": "female"}
        for name, word in where.items():
            page.get_by_role("combobox", name=name, exact=True).select_option(word)
        best = gallery.search(None, len(gallery), where)
        assert found(page) == best.index.tolist()
        true = (best[[*where]] == [CLASSES[name].index(word) for name, word in where.items()]).all(axis=1)
        marks = page.eval_on_selector_all("#ranked li", "items => items.map(i => i.className)")
        assert marks == ["hit" if fits_it else "miss" for fits_it in true]
        page.locator("#ranked button").first.click()
        assert page.locator("#question").is_visible() and len(found(page)) == len(gallery) - 1
        assert page.locator("#thumbs [aria-pressed=true]").get_attribute("value") == str(best.index[0])
        page.locator("#thumbs button").nth(query).click()

        # the keyboard alone
        assert page.locator("#thumbs button[tabindex='0']").count() == 1
        page.locator("#thumbs button[tabindex='0']").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert page.locator("#thumbs button[aria-pressed=true]").get_attribute("value") == str(query + 1)

        # names of files and people are text, and nothing of them was run
        hostile = next(i for i, path in enumerate(table.path) if EVIL in Path(path).name)
        page.locator("#thumbs button").nth(hostile).click()
        assert page.locator("#query-name").inner_text().startswith(f"{EVIL} & ")
        assert page.locator("#query-file").inner_text().startswith(Path(table.path[hostile]).name)
        assert EVIL in page.locator("h1").inner_text() and page.evaluate("window.hacked") is None
        assert fits(page, 390) and violations(page) == [] and wrong == []

        # the second lock: had one slipped through, it would not run
        page.evaluate("evil => document.body.insertAdjacentHTML('beforeend', evil)", EVIL)
        page.wait_for_function("document.body.lastElementChild.complete")
        assert page.evaluate("window.hacked") is None and "Content Security Policy" in wrong[-1]


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


def checked(browser, file: Path, width: int = 768, scheme: str = "light"):
    "A page that opens without any fault."
    page, wrong = opened(browser, file.as_uri(), width, scheme)
    assert fits(page, width) and violations(page) == [] and wrong == []
    return page


def test_page_looks_the_same_on_machines_with_other_fonts(tmp_path, browser):
    log, table = (
        pd.DataFrame({"epoch": [1, 2], "accuracy": [0.5, 0.75]}),
        pd.DataFrame({"mAP": [5.0]}, ["SA"]),
    )
    charts = {"Epoch by epoch": chart_curves({"SA": log})}
    file = write_page(tmp_path / "page.html", "A title of a page", {"seed": 0}, {"Scores": table}, charts)
    places = """() => [...document.querySelectorAll("main *")].map(part => {
        const { left, top, right, bottom } = part.getBoundingClientRect(); return [left, top, right, bottom]; })"""
    with with_fonts(browser, "DejaVu*") as fresh, with_fonts(browser, "STIX*") as odd:
        pages = [checked(machine, file) for machine in (browser, fresh, odd)]
        looks = [page.evaluate(places) for page in pages]
    assert len(looks[0]) > 50 and looks[0] == looks[1] == looks[2]


@pytest.mark.long
def test_three_models_at_every_width_in_light_and_dark(tmp_path, browser):
    data = make_minimarket(tmp_path / "data", n_identities=12, size=(64, 32))
    runs = {model: train(data, tmp_path / model, model, **QUICK) for model in ("resnet", "convhead", "sa")}
    records = [record(run, "drawn") for run in runs.values()]
    file = report_comparison(tmp_path, data, runs, records, {}, {"data": EVIL})
    gallery = gallery_of(runs["sa"], data)
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            page = checked(browser, file, width, scheme)
            page.select_option("#model", "2")
            query = int(page.locator("#thumbs button[aria-pressed=true]").get_attribute("value"))
            expected = gallery.search(gallery.embeddings[query], top=len(gallery)).drop(query)
            assert found(page) == expected.index.tolist()
            page.select_option("#asked", "9")  # gender
            page.select_option("#confused", "2")
            said, true = gallery.probabilities["gender"].argmax(1), gallery.table.gender.to_numpy()
            counts = [[((true == t) & (said == s)).sum() for s in (0, 1)] for t in (0, 1)]
            rows = page.locator("#counts tbody tr").all()
            assert [[int(x) for x in r.locator("td").all_inner_texts()[:-1]] for r in rows] == counts
            page.context.close()


@pytest.mark.long
@pytest.mark.parametrize("tasks", ["reid", "attributes"])
def test_one_task_alone(tmp_path, browser, tasks):
    data = make_minimarket(tmp_path / "data", n_identities=10, size=(64, 32))
    page = checked(browser, report_run(train(data, tmp_path / "run", **QUICK, tasks=tasks), data))
    assert (
        page.locator("#asked").count()
        == page.locator("#wanted select[name='9']").count()  # gender
        == (tasks == "attributes")
    )
    assert page.locator("#answers tbody tr").count() == 12 and len(found(page)) > 10


@pytest.mark.long
def test_neither_cameras_nor_attributes(tmp_path, browser):
    data = hostile_folder(tmp_path, cameras=False, attributes=False)
    page = checked(browser, report_run(train(data, tmp_path / "run", **QUICK), data))
    assert not page.locator("#filters").is_visible() and not page.locator("#answers").is_visible()
    assert "camera" not in page.locator("#ranked").inner_text() and len(found(page)) > 10


@pytest.mark.long
def test_nobody_held_out(tmp_path, browser):
    data = make_minimarket(tmp_path / "data", n_identities=8, size=(64, 32))
    page = checked(browser, report_run(train(data, tmp_path / "run", **QUICK, valid=0.0), data))
    assert page.locator("[data-chart]").count() == 2 and page.locator("#explorer").count() == 0
    assert "nobody" in page.locator("dl").inner_text()


@pytest.mark.long
def test_a_large_gallery_stays_below_15_mb(tmp_path, browser):
    chance = np.random.default_rng(0)
    for i in range(420):  # noise compresses worst
        Image.fromarray(chance.integers(0, 255, (256, 128, 3), np.uint8)).save(tmp_path / f"{i}.png")
    table = pd.DataFrame(
        {"path": [str(tmp_path / f"{i}.png") for i in range(420)], "pid": np.arange(420) // 6 + 1}
    )
    table = table.assign(camid=pd.array([None] * 420, "Int64"), **dict.fromkeys(NAMES, -1))
    galleries = {}
    for name in ("ResNet", "ConvHead", "SA"):
        galleries[name] = Gallery()
        galleries[name].add(chance.normal(size=(420, 8)).astype(np.float32), table)
    told = gather(galleries)
    file = write_page(tmp_path / "page.html", "Noise", {}, {}, {}, told)
    assert file.stat().st_size < 15e6 and len(json.dumps(told)) > 3e6
    assert checked(browser, file).locator("#thumbs button").count() == 400
