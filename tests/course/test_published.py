"""What is published in results/: the submission's two files, and figures that come from its record."""

import io
import json
import zipfile

import pandas as pd
from listing import ROOT

from reid_course.data import ATTRIBUTES, Dataset
from reid_course.submission import validate_submission

NAMES = [a.name for a in ATTRIBUTES]

RESULTS = ROOT / "results"
QUERIES, GALLERY = 2248, 19679  # of the course layout, numbered from 0


def named(n: int) -> pd.DataFrame:
    "A table of files 000000.jpg, 000001.jpg, …"
    return pd.DataFrame({"path": [f"{i:06d}.jpg" for i in range(n)]})


def test_submission_is_valid(tmp_path):
    with zipfile.ZipFile(RESULTS / "submission-plain.zip") as file:
        assert sorted(file.namelist()) == ["classification_test.csv", "reid_test.txt"]
        file.extractall(tmp_path)
    nobody = pd.DataFrame({"path": [], "pid": []} | {name: [] for name in NAMES})
    validate_submission(tmp_path, Dataset(ROOT, "course", nobody, named(QUERIES), named(GALLERY)))
    lists = (tmp_path / "reid_test.txt").read_text().splitlines()
    assert {len(line.split(": ")[1].split(", ")) for line in lists} == {200}


def test_answers_are_spread_like_the_labels():
    with zipfile.ZipFile(RESULTS / "submission-plain.zip") as file:
        answers = pd.read_csv(io.BytesIO(file.read("classification_test.csv")), index_col="id")
    second = answers.eq(2).mean()  # the share of class 2: yes, short, female, pants
    assert 0.3 < second["gender"] < 0.7 and 0.05 < second["backpack"] < 0.4
    assert second["hat"] < 0.1 and second["up"] > 0.8 and second["clothes"] > 0.8


def test_page_says_what_the_records_say():
    page = (RESULTS / "README.md").read_text()
    runs = [json.loads(file.read_text()) for file in RESULTS.glob("runs/ladder50-strong-s*.json")]
    assert len(runs) == 3
    for score in ("accuracy", "balanced", "f1", "mAP", "rank1", "mAP_cross_camera", "rank1_cross_camera"):
        values = 100 * pd.Series([run["last"][score] for run in runs])
        assert f"| {values.mean():.1f} ± {values.std():.1f} |" in page, score


def test_submission_is_of_the_recipe_that_was_judged():
    asked, judged = (
        json.loads((RESULTS / "runs" / f"{name}-s0.json").read_text())["config"]
        for name in ("submission50", "ladder50-strong")
    )
    people = ("valid", "train_identities", "valid_identities", "images")
    assert {k: v for k, v in asked.items() if k not in people} == {
        k: v for k, v in judged.items() if k not in people
    }
    assert asked["valid"] == 0 and len(asked["train_identities"]) == 751
