"""The report's experiments on data that do not have everything the report's have, through the command."""

from pathlib import Path

import pandas as pd
import pytest

from reid_course.cli.main import main
from reid_course.engine.records import read_records
from reid_course.minimarket import make_minimarket

FAST = (
    "--weights",
    "none",
    "--size",
    "64",
    "32",
    "--epochs",
    "1",
    "--p",
    "4",
    "--k",
    "2",
    "--strides",
    "imagenet",
)


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    "Drawn people of whom no attribute is known."
    root = make_minimarket(tmp_path / "unlabelled", n_identities=8, size=(64, 32))
    (root / "market_attribute.mat").unlink()
    return root


def test_reproduce_of_attributes_that_have_no_labels(
    tmp_path: Path, unlabelled: Path, capsys: pytest.CaptureFixture
):
    asked = ["reproduce", "--data", unlabelled, "--out", tmp_path / "out", "--tasks", "attributes", *FAST]
    assert main([str(word) for word in asked]) == 1
    assert "has no attribute labels" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_reproduce_without_attribute_labels(tmp_path: Path, unlabelled: Path, capsys: pytest.CaptureFixture):
    out = tmp_path / "out"
    asked = ["reproduce", "--data", unlabelled, "--out", out, "--seeds", "1", "--ablations", "1", *FAST]
    assert main([str(word) for word in asked]) == 0, capsys.readouterr().err
    said, lost = (
        capsys.readouterr().out,
        "convhead, sa, attributes-only, reid-only, kendall, fixed, convhead-layer2, convhead-layer4",
    )
    assert said.count(f"left out, because the data have no attribute labels: {lost}\n") == 1
    trained = [r["variant"] for r in read_records(out / "records")]
    assert sorted(trained) == ["resnet", "stock-strides"]
    assert pd.read_csv(out / "table1.csv", index_col=0).drop(columns="MFC").isna().all(axis=None)
    found = pd.read_csv(out / "table2.csv", index_col=0)
    assert found.index.tolist() == ["colour histogram", "untrained network", "ResNet"]
    assert found.mAP.between(0, 100).all()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert (
        'aria-label="Table 2: retrieval, %"' in page
        and 'aria-label="Table 1: attribute accuracy, %"' not in page
    )
    assert 'id="explorer"' in page and 'id="confusion"' not in page
