"""The report page where it is read: opened from disk in a real browser and held against the gallery."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import MISSING, WIDTHS, chromium, find_chromium, opened, with_fonts
from matplotlib import pyplot
from PIL import Image

from reid_course.cli.main import main
from reid_course.course.experiments import compare
from reid_course.data import ATTRIBUTES, load_dataset, person_names
from reid_course.engine.files import file_digest
from reid_course.engine.records import record
from reid_course.engine.run import RunFolder
from reid_course.metrics import evaluate_embeddings
from reid_course.minimarket import make_minimarket
from reid_course.model import build_model, save_model
from reid_course.pages.charts import chart_curves
from reid_course.pages.explorer import gather
from reid_course.pages.report import report_comparison, report_run, write_page
from reid_course.results import RETRIEVAL
from reid_course.retrieval import Gallery, figure_ranked_lists
from reid_course.split import split_identities
from reid_course.training import Run, train

EVIL = "<img src=x onerror=window.hacked=1>"
NAMES = [attribute.name for attribute in ATTRIBUTES]
CLASSES = {attribute.name: attribute.classes for attribute in ATTRIBUTES}
QUICK = {"epochs": 1, "p": 4, "k": 2, "size": (64, 32), "weights": None}

pytestmark = pytest.mark.skipif(find_chromium() is None, reason=MISSING)


def hostile_folder(root: Path, cameras: bool = True, attributes: bool = True) -> Path:
    "Ten drawn people in folders, whose names, and those of some files, are markup."
    drawn = load_dataset(make_minimarket(root / "drawn", n_identities=10, size=(64, 32))).train
    words = []
    for pid, own in drawn.groupby("pid"):
        person = root / "data" / f"{EVIL} & {pid}"
        person.mkdir(parents=True)
        for i, row in enumerate(own.itertuples()):
            camera = f"_c{row.camid}" if cameras else ""
            shutil.copy(row.path, person / f"{EVIL if i == 0 else i}{camera}.jpg")
        answers = {a.name: a.classes[own[a.name].iloc[0]] for a in ATTRIBUTES}
        words.append({"id": person.name} | answers)
    if attributes:
        pd.DataFrame(words).to_csv(root / "data" / "attributes.csv", index=False)
    return root / "data"


def gallery_of(run: Run, data: Path) -> Gallery:
    "The held-out people as the network itself sees them."
    gallery = Gallery(model=run.model())
    gallery.add_images(run.held_out(data))
    return gallery


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
        assert page.evaluate("document.getElementById('distances').data[1].x") == right

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
        page.get_by_role("combobox", name="gender", exact=True).select_option("male")
        male = gallery.search(gallery.embeddings[query], len(gallery), {"gender": "male"})
        assert found(page) == male.drop(query, errors="ignore").index.tolist()
        page.get_by_role("button", name="Clear").click()
        page.get_by_label("pictures of other cameras").check()
        assert found(page) == expected.index[expected.camid != table.camid[query]].tolist()
        page.get_by_role("button", name="Clear").click()
        assert found(page) == expected.index.tolist()

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


# Runs that lack something, and what is drawn of them; no browser is asked


def untrained(folder: Path, data: Path, **more: object) -> dict:
    "A run folder as if a training of one epoch had left it, without its weights; and its record."
    run, found = RunFolder(folder), load_dataset(data)
    held = split_identities(found.train, 0.5)[1]
    names = person_names(found, held)
    config = {"model": "resnet", "valid": 0.5, "valid_identities": 3, "tasks": "reid", "epochs": 1}
    config |= {"strides": "imagenet", "form": "report", "seed": 0, "split_seed": 0, "weights": None} | more
    images = dict(zip(map(file_digest, held.path), names, strict=True))
    run.write_config(config, {"train": [], "valid": sorted(set(names)), "images": images})
    row = {"epoch": 1, "train_total": 2.0, "accuracy": None, "valid_total": 1.5}
    row |= dict.fromkeys(RETRIEVAL, 0.25)
    run.write_log([row])
    scores = {"best_epoch": 1, "best": row, "last": row, "MFC": {"average": None}}
    run.write_metrics(scores)
    return scores | {"config": config, "variant": "resnet", "log": [row]}


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    "Six people, one picture each, of whom nothing is known."
    root = tmp_path_factory.mktemp("once")
    for pid in "abcdef":
        (root / pid).mkdir()
        Image.new("RGB", (16, 32), (20 * ord(pid) % 256, 90, 30)).save(root / pid / "1.png")
    return root


def test_page_of_people_seen_once_has_no_ranked_lists(tmp_path, once):
    untrained(tmp_path, once)
    save_model(build_model(size=(32, 16), tasks="reid"), tmp_path / "best.safetensors")
    page = report_run(tmp_path, once).read_text(encoding="utf-8")
    assert 'aria-label="Retrieval, %"' in page and 'aria-label="Attribute accuracy, %"' not in page
    assert 'id="explorer"' in page
    assert [file.name for file in (tmp_path / "figures").iterdir()] == ["curves.png"]


def test_page_of_nobody_held_out_says_so(tmp_path, once):
    untrained(tmp_path, once, valid=0)
    page = report_run(tmp_path, once).read_text(encoding="utf-8")
    assert "nobody, so nothing could be judged" in page and not (tmp_path / "figures").exists()


def test_page_of_runs_whose_weights_are_elsewhere_has_no_gallery(tmp_path, once):
    run = tmp_path / "run"
    page = report_comparison(tmp_path, once, {"one": run}, [untrained(run, once)], {}, {})
    assert "Table 2: retrieval, %" in page.read_text(encoding="utf-8")
    assert 'id="explorer"' not in page.read_text(encoding="utf-8")


def test_curves_and_gallery_are_of_the_same_run_and_the_page_says_which(tmp_path):
    data = make_minimarket(tmp_path / "data", n_identities=8, size=(64, 32))
    runs = compare(data, tmp_path, {"sa": {"model": "sa"}}, seeds=(0, 1), **QUICK)
    runs |= compare(data, tmp_path, {"resnet": {}, "kendall": {"form": "kendall"}}, seeds=(1,), **QUICK)
    records = {name: record(run, "drawn", name.split("-")[0]) for name, run in runs.items()}
    runs["resnet"].best.unlink()  # on record, but its weights are elsewhere: an ablation is no stand-in
    shown = [records[name] for name in ("sa-s0", "sa-s1", "resnet")]

    def told() -> tuple[str, dict]:
        text = report_comparison(tmp_path, data, runs, shown, {}, {}).read_text(encoding="utf-8")
        found = re.search('<script type="application/json" id="page">(.*?)</script>', text, re.S)
        return text, json.loads(found[1])

    text, page = told()
    assert "<dd>SA seed 0, ResNet seed 1</dd>" in text
    assert [seen["name"] for seen in page["explorer"]["models"]] == ["SA"]
    curves = {line["name"]: line["y"] for line in page["charts"]["Epoch by epoch"]["mAP, %"]["data"]}
    assert curves == {
        "SA": [100 * records["sa-s0"]["log"][0]["mAP"]],
        "ResNet": [100 * records["resnet"]["log"][0]["mAP"]],
    }
    first = page["explorer"]["models"][0]["distances"]
    runs["sa-s0"].best.unlink()
    text, page = told()
    assert "<dd>seed 1</dd>" in text and page["explorer"]["models"][0]["distances"] != first
    curves = {line["name"]: line["y"] for line in page["charts"]["Epoch by epoch"]["mAP, %"]["data"]}
    assert curves["SA"] == [100 * records["sa-s1"]["log"][0]["mAP"]]


def test_network_that_knows_junk_has_a_page_and_is_searched(tmp_path, capsys):
    data, run = make_minimarket(tmp_path / "data", n_identities=10, size=(64, 32)), Run(tmp_path / "run")
    fast = "--model sa --junk 0.25 --epochs 1 --p 4 --k 2 --size 64 32 --weights none --strides imagenet"
    assert main(["train", "--data", str(data), "--out", str(run), *fast.split()]) == 0, (
        capsys.readouterr().err
    )
    assert [a.name for a in run.model().schema] == [*NAMES, "junk"]
    text = run.page.read_text(encoding="utf-8")
    page = json.loads(re.search('<script type="application/json" id="page">(.*?)</script>', text, re.S)[1])
    assert [question["name"] for question in page["explorer"]["questions"]] == NAMES
    assert set(page["explorer"]["models"][0]["confusion"]) == set(NAMES)
    attention = page["charts"]["Attention"]["Head 1"]["data"][0]
    assert (attention["y"], attention["x"]) == ([*NAMES, "junk"], [*NAMES, "junk", "v"])
    attributes = page["charts"]["Accuracy per attribute"]["Held-out people"]["data"]
    assert [trace["y"] for trace in attributes] == [[*NAMES, "average"]] * 2
    assert main(["search", str(run), "--data", str(data), "--where", "up=short"]) == 0, (
        capsys.readouterr().err
    )


def test_short_list_beside_a_long_one_leaves_places_empty(once):
    files = pd.DataFrame({"path": sorted(map(str, once.rglob("*.png")))}).assign(pid=1, distance=0.5)
    figure = figure_ranked_lists([(files.path[0], files, 1), (files.path[0], files[:2], None)])
    drawn = [bool(axis.images) and axis.axison for axis in figure.axes]
    assert drawn == [True] * 7 + [True] * 3 + [False] * 4
    pyplot.close(figure)


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
        == page.get_by_role("combobox", name="gender", exact=True).count()
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
    assert page.locator("[data-chart]").count() == 1 and page.locator("#explorer").count() == 0
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
