"""A training that goes on with other options than it was begun with: exactly, or not at all."""

import shutil
from pathlib import Path

import pytest
from support import failed, refusal
from trained import SMALL, Plain, PowerCut, same_state

from reid_course.cli.main import main
from reid_course.data import Dataset, load_dataset
from reid_course.training import Run, train

QUICK: dict = {**SMALL, "backbone": Plain, "lr": 0.01}


@pytest.fixture(scope="module")
def data(drawn: Path) -> Dataset:
    return load_dataset(drawn)


@pytest.fixture(scope="module")
def whole(data: Dataset, tmp_path_factory) -> Run:
    "Four epochs in one go."
    return train(data, tmp_path_factory.mktemp("whole") / "run", epochs=4, **QUICK)


@pytest.fixture
def two(data: Dataset, tmp_path: Path) -> Run:
    "A finished run of two epochs."
    return train(data, tmp_path / "run", epochs=2, **QUICK)


def contents(run: Run) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in run.path.iterdir()}


def test_more_epochs_are_as_if_there_had_been_so_many_from_the_start(data: Dataset, two: Run, whole: Run):
    longer = train(data, two, epochs=4, resume=True, **QUICK)
    same_state(longer, whole)
    assert longer.config == whole.config and longer.config["epochs"] == 4
    assert longer.metrics["last"]["mAP"] == whole.metrics["last"]["mAP"] and longer.people == whole.people


def test_a_lengthened_run_that_is_cut_is_not_finished_and_goes_on(data: Dataset, two: Run, whole: Run):
    with pytest.raises(KeyboardInterrupt):
        train(data, two, epochs=4, resume=True, callbacks=[PowerCut(3)], **QUICK)
    assert (len(two.log), two.config["epochs"], two.finished) == (3, 4, False)
    same_state(train(data, two, epochs=4, resume=True, **QUICK), whole)


def test_an_own_schedule_goes_on_too(data: Dataset, tmp_path: Path):
    def falling(t: float) -> float:
        return 0.01 / (1 + t)

    own = QUICK | {"schedule": falling}
    train(data, tmp_path / "cut", epochs=1, **own)
    longer = train(data, tmp_path / "cut", epochs=3, resume=True, **own)
    same_state(longer, train(data, tmp_path / "whole", epochs=3, **own))


@pytest.mark.parametrize("epochs", [1, 3, 9])
def test_a_schedule_that_ends_is_neither_lengthened_nor_cut(data: Dataset, tmp_path: Path, epochs: int):
    run = train(data, tmp_path / "run", epochs=2, schedule="cosine", **QUICK)
    before = contents(run)
    said = refusal(lambda: train(data, run, epochs=epochs, schedule="cosine", resume=True, **QUICK))
    assert f"{run} was begun with epochs = 2 and a cosine schedule, which ends there" in said
    assert f"not with {epochs}; resume with as many, or start another run" in said
    assert f"(--weights {run})" in said and contents(run) == before


def test_fewer_epochs_than_are_done_are_refused(data: Dataset, two: Run):
    before = contents(two)
    said = refusal(lambda: train(data, two, epochs=1, resume=True, **QUICK))
    assert "has done 2 epochs; expected epochs of 2 or more, not 1" in said and contents(two) == before


def test_fewer_epochs_than_were_planned_end_earlier(data: Dataset, tmp_path: Path, two: Run):
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "long", epochs=50, callbacks=[PowerCut(1)], **QUICK)
    short = train(data, tmp_path / "long", epochs=2, resume=True, **QUICK)
    same_state(short, two)
    assert short.config == two.config


@pytest.mark.parametrize(
    "other", [{"patience": 0}, {"patience": 9}, {"patience": 2, "monitor": "valid_total"}]
)
def test_a_run_that_stopped_early_goes_on_with_other_patience(data: Dataset, tmp_path: Path, other: dict):
    options = QUICK | {"epochs": 7, "lr": 1e-4}
    stopped = train(data, tmp_path / "run", patience=1, monitor="accuracy", **options)
    n = len(stopped.log)
    assert n < 7
    train(data, stopped, patience=1, monitor="accuracy", resume=True, **options)
    assert len(stopped.log) == n
    went_on = train(data, stopped, resume=True, **options, **other)
    straight = train(data, tmp_path / "straight", **options, **other)
    assert len(went_on.log) > n
    same_state(went_on, straight)
    assert went_on.config == straight.config


def test_what_the_result_depends_on_stays(data: Dataset, two: Run):
    before = contents(two)
    for other in ({"lr": 0.1}, {"seed": 1}, {"schedule": "cosine"}, {"warmup": 1.0}, {"p": 2}):
        said = refusal(lambda other=other: train(data, two, epochs=4, resume=True, **QUICK | other))
        assert "was begun with" in said and "resume with the same options and data" in said
    assert contents(two) == before


def test_the_command_goes_on_or_says_why_not(drawn: Path, tmp_path: Path, capsys):
    fast = ["--weights", "none", "--size", "32", "16", "--strides", "imagenet", "--p", "4", "--k", "2"]

    def words(name: str, epochs: int, *more: str) -> list[str]:
        return [
            "train",
            "--data",
            str(drawn),
            "--out",
            str(tmp_path / name),
            "--epochs",
            str(epochs),
            *fast,
            *more,
        ]

    assert main(words("one", 1)) == main(words("two", 2)) == 0
    assert main(words("one", 2, "--resume", "--patience", "5", "--monitor", "mAP")) == 0
    one, two = Run(tmp_path / "one"), Run(tmp_path / "two")
    same_state(one, two)
    assert one.config == two.config | {"patience": 5, "monitor": "mAP"}
    shutil.rmtree(two)
    capsys.readouterr()
    assert "has done 2 epochs" in failed(
        capsys, *words("one", 1, "--resume", "--patience", "5", "--monitor", "mAP")
    )
    assert main(words("falling", 1, "--schedule", "cosine")) == 0
    capsys.readouterr()
    said = failed(capsys, *words("falling", 2, "--schedule", "cosine", "--resume"))
    assert "a cosine schedule, which ends there" in said
    remedy = words("after", 1, "--schedule", "cosine")  # as the message says
    remedy[remedy.index("none")] = str(tmp_path / "falling")
    assert main(remedy) == 0 and Run(tmp_path / "after").finished
