"""The real Market-1501 in the course layout, where REID_MARKET names its folder."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from reid_course.cli.check import check_dataset
from reid_course.data import load_dataset
from reid_course.deploy.onnx import disagreement
from reid_course.images import ImageStore
from reid_course.model import load_model
from reid_course.split import most_frequent_class_accuracy, split_identities

ROOT = os.environ.get("REID_MARKET")
pytestmark = pytest.mark.skipif(not ROOT, reason="REID_MARKET does not name the real data set")


def call(*arguments: str | Path) -> str:
    """Output of a `reid-course` command that must succeed."""
    command = [sys.executable, "-m", "reid_course.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_counts():
    found = check_dataset(ROOT)
    assert found["counts of Market-1501"] == "yes"
    assert (found["identities in train"], found["identities with fewer than 4"], found["median"]) == (
        751,
        17,
        15,
    )
    assert [found[f"train images of camera {c}"] for c in range(1, 7)] == [2022, 1757, 2760, 905, 2364, 3181]


def test_the_guess_scores_what_the_report_says():
    frame = load_dataset(ROOT).train
    guesses = [most_frequent_class_accuracy(*split_identities(frame, seed=s)).mean() for s in range(100)]
    assert 0.703 <= sum(guesses) / 100 <= 0.711


@pytest.mark.long
def test_every_command_runs_to_its_end(tmp_path: Path):
    run, out = tmp_path / "run", tmp_path / "submission"
    call("train", "--data", ROOT, "--weights", "none", "--epochs", "2", "--strides", "imagenet", "--out", run)
    assert len(pd.read_csv(run / "log.csv")) == 2
    assert "held-out people" in call("evaluate", run, "--data", ROOT)
    image = load_dataset(ROOT).query.path[0]
    assert "gender" in call("predict", run, image)
    assert "distance" in call("search", run, "--data", ROOT, "--query", image, "--where", "hat=no")
    photographs = ImageStore(load_dataset(ROOT).query.path[:64], (128, 64))[:]
    call("export", run, tmp_path / "model.onnx")
    network = load_model(run)
    network.precision = "fp32"  # as the file is
    assert disagreement(network, tmp_path / "model.onnx", photographs) < 1e-3
    call("submit", run, "--data", ROOT, "--out", out)
    assert len(pd.read_csv(out / "classification_test.csv")) == 19679
    assert len((out / "reid_test.txt").read_text().splitlines()) == 2248
