"""Data of one's own: a damaged image among many, names of nobody, what cannot be answered, what has no effect."""

import csv
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from owned import QUICK, QUICK_FLAGS, folders, person, refused, write

from reid_course.cli.main import main
from reid_course.data import load_dataset, scan_dataset
from reid_course.pages.report import report_run
from reid_course.training import Run, train

FLAGS = [*QUICK_FLAGS, "--device", "cpu"]
NOBODY = (
    "unknown",
    "Unknown",
    "NONE",
    "nobody",
    "unlabelled",
    "Unlabeled",
    "other",
    "others",
    "misc",
    "_misc_",
)


def test_a_damaged_image_does_not_cost_the_other_answers(
    a_run: tuple[Path, Run],
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
):
    mine = tmp_path / "mine"
    for name in ("a.png", "b.jpg", "c.jpg", "e.png"):
        write(person(3, ord(name[0])), mine / name)
    cut = (mine / "b.jpg").read_bytes()
    (mine / "b.jpg").write_bytes(cut[: len(cut) // 2])
    (mine / "d.png").write_text("no image")
    alone = a_run[1].model().predict([mine / "a.png", mine / "c.jpg", mine / "e.png"])
    assert main(["predict", str(a_run[1]), str(mine), "--csv", str(tmp_path / "out.csv")]) == 1
    out, err = capsys.readouterr()
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [Path(row["path"]).name for row in rows] == ["a.png", "c.jpg", "e.png"]
    assert [row["gender"] for row in rows] == alone.labels().gender.tolist()
    sure = alone.probabilities["gender"].max(1)
    assert [float(row["gender_probability"]) for row in rows] == pytest.approx(sure.tolist(), abs=1e-4)
    first, second, last = err.splitlines()
    assert str(mine / "b.jpg") in first and str(mine / "d.png") in second
    assert last.startswith("reid-course: 2 of 5 images were not read") and "3 rows" in out
    assert main(["predict", str(a_run[1]), str(mine)]) == 1
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line.endswith((".png", ".jpg"))] == [r["path"] for r in rows]
    for name in ("a.png", "c.jpg", "e.png"):
        (mine / name).unlink()
    assert main(["predict", str(a_run[1]), str(mine), "--csv", str(tmp_path / "none.csv")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(mine / "b.jpg") in line and "none of the 1 others" in line
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize("name", (*NOBODY, "-2", "-02", "-2.0", "-3"))
def test_a_folder_that_may_be_nobody_is_refused(name: str, tmp_path: Path):
    root = folders(tmp_path / "set", 3)
    write(person(60, 1), root / name / "1.png")
    refused(lambda: load_dataset(root), f"{name!r} may be nobody; expected -1 for junk, 0000 for distractors")
    (issue,) = scan_dataset(root)[1]
    assert issue.path == str(root / name)
    (root / name).rename(root / "another")
    assert set(load_dataset(root).names.values()) == {"p0001", "p0002", "p0003", "another"}


@pytest.mark.parametrize("name", ("unknown", "-2"))
def test_nobody_in_split_folders_and_tables_is_refused(name: str, tmp_path: Path):
    images = [write(person(i // 2, i), tmp_path / "x" / f"{i}.png") for i in range(6)]
    ids = ["anna", "anna", name, name, "ben", "ben"]
    said = f"id is {name!r}, which may be nobody; expected -1 for junk, 0000 for distractors, an empty cell"
    refused(lambda: load_dataset(pd.DataFrame({"path": images, "pid": ids})), said)
    rows = "".join(f"{image.name},{pid}\n" for image, pid in zip(images, ids, strict=True))
    (tmp_path / "x" / "attributes.csv").write_text("path,id\n" + rows)
    refused(lambda: load_dataset(tmp_path / "x"), said)
    for part, who in (("train", "anna"), ("train", name), ("gallery", "anna"), ("query", "anna")):
        write(person(1, len(who)), tmp_path / "split" / part / who / "1.png")
    refused(lambda: load_dataset(tmp_path / "split"), f"{name!r} may be nobody")


def test_unlabelled_in_a_table_stays_unlabelled(tmp_path: Path):
    images = [write(person(i // 2, i), tmp_path / f"{i}.png") for i in range(6)]
    for pids in ([1, 1, -2, -2, 2, 2], ["anna", "anna", None, "", "ben", "ben"]):
        assert load_dataset(pd.DataFrame({"path": images, "pid": pids})).train.pid.tolist() == [
            1,
            1,
            -2,
            -2,
            2,
            2,
        ]


@pytest.mark.parametrize("labelled", (True, False))
def test_a_page_asks_about_labelled_attributes_alone(labelled: bool, tmp_path: Path):
    root = folders(tmp_path / "set", 8)
    if labelled:
        words = "".join(f"p{i:04d},{('no', 'yes')[i % 2]}\n" for i in range(1, 9))
        (root / "attributes.csv").write_text("id,hat\n" + words)
    text = report_run(train(root, tmp_path / "run", **QUICK), root).read_text()
    told = json.loads(re.search('<script type="application/json" id="page">(.*?)</script>', text, re.S)[1])
    assert [question["name"] for question in told["explorer"]["questions"]] == ["hat"] * labelled


def test_a_recipe_leaves_out_what_cannot_be_done(tmp_path: Path, capsys: pytest.CaptureFixture):
    root = folders(tmp_path / "set", 6)
    words = "".join(f"p{i:04d},{('no', 'yes')[i % 2]}\n" for i in range(1, 7))
    (root / "attributes.csv").write_text("id,hat\n" + words)
    own = ["train", "--data", str(root), "--tasks", "attributes", *FLAGS, "--recipe", "strong"]
    assert main([*own, "--out", str(tmp_path / "run")]) == 0
    config = Run(tmp_path / "run").config
    assert (config["neck"], config["margin"], config["erasing_prob"]) == (False, 0.3, 0.5)
    capsys.readouterr()
    assert main([*own, "--neck", "--out", str(tmp_path / "other")]) == 1
    said = capsys.readouterr().err
    assert "neck is True, which has no effect without tasks both or reid" in said and said.count("\n") == 1
    assert not (tmp_path / "other").exists()
