"""The report page of runs of every kind: what stands in it. How it works in a browser: test_explorer.py."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from matplotlib import pyplot
from PIL import Image

from reid_course.cli.main import main
from reid_course.course.experiments import compare
from reid_course.data import ATTRIBUTES, load_dataset, person_names
from reid_course.engine.files import file_digest
from reid_course.engine.records import record
from reid_course.engine.run import RunFolder
from reid_course.minimarket import make_minimarket
from reid_course.model import build_model, save_model
from reid_course.pages.report import report_comparison, report_run
from reid_course.results import RETRIEVAL
from reid_course.retrieval import figure_ranked_lists
from reid_course.split import split_identities
from reid_course.training import Run

NAMES = [attribute.name for attribute in ATTRIBUTES]
QUICK = {"epochs": 1, "p": 4, "k": 2, "size": (64, 32), "weights": None}


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
