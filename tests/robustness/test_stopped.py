"""Ctrl-C, a full disk, a place that must not be written to: one line, nothing half-written, and it goes on."""

import os
import random
from pathlib import Path

import pandas as pd
import pytest
from stopped import Nursery, assert_same, words

from reid_course.engine.checkpoint import read_tensors

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork and links are of POSIX systems")
FATES = {
    "interrupt": "interrupted",
    "ENOSPC": "make room",
    "EROFS": "may write to",
    "EIO": "Input/output error",
}
DEEP = [pytest.param(command, marks=pytest.mark.deep) for command in ("demo", "reproduce")]


def assert_refused(nursery: Nursery, code: int, said: str, out: Path) -> None:
    "One line, exit code 1, nothing half-written, and every checkpoint that is there is good."
    lines = nursery.printed.splitlines()
    assert code == 1 and len(lines) == 1, nursery.printed
    assert lines[0].startswith("reid-course: ") and said in lines[0]
    assert not [path for path in out.parent.rglob("*") if path.name.startswith(".")]
    for file in out.rglob("*.safetensors"):
        read_tensors(file)


@pytest.mark.parametrize("command", ("train", *DEEP))
def test_stopped_and_given_again(command: str, nursery: Nursery, small_set: Path, left_alone, tmp_path: Path):
    (expected, seen, _), out = left_alone(command), tmp_path / "result"
    seed = random.randrange(10**6)
    chance, again = random.Random(seed), words(command, small_set, out)
    for how, said in FATES.items():
        kinds = ("batch", "look", "checkpoint", "table") if how == "interrupt" else ("checkpoint", "table")
        n = chance.randint(1, sum(kind in kinds for kind in seen) // 5)
        print(f"seed {seed}: {how} at the {n}. of {kinds}")
        assert_refused(nursery, nursery.run(again, how, kinds, n, chance.random()), said, out)
    assert nursery.run(again) == 0, nursery.printed
    assert_same(out, expected)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_disk_that_is_full(nursery: Nursery, small_set: Path, left_alone, tmp_path: Path):
    expected, out = left_alone("train")[0], tmp_path / "result"
    (out / "figures").mkdir(parents=True)
    for name in (
        "config.json",
        "last.safetensors",
        "log.csv",
        "metrics.json",
        "figures/curves.png",
        "report.html",
    ):
        file = out / name
        file.with_name(f".{file.name}.part").symlink_to("/dev/full")
        code = nursery.run(words("train", small_set, out))
        assert_refused(nursery, code, "No space left on device", out)
        assert "make room" in nursery.printed and file.name in nursery.printed and not file.exists()
    assert nursery.run(words("train", small_set, out)) == 0
    assert_same(out, expected)


@pytest.mark.parametrize("command", ("train", "demo", "reproduce", "make", "unpack"))
def test_a_place_that_must_not_be_written_to(command: str, nursery: Nursery, small_set: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    places = [tmp_path / "file" / "result"]
    if Path("/sys/kernel").exists():  # not even root may write there
        places.append(Path("/sys/kernel/result"))
    for out in places:
        code = nursery.run(words(command, small_set, out))
        lines = nursery.printed.splitlines()
        assert code == 1 and len(lines) == 1 and out.name in lines[0], nursery.printed
        remedies = ("may write to", "a file where the other is a folder", "a sound zip file, and room")
        assert any(remedy in lines[0] for remedy in remedies)
        assert not out.exists() and [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("step", "said"),
    [(3, "epoch 2, batch 2: loss_ar is nan"), (4, "epoch 2, batch 2: a weight of the network")],
)
def test_a_loss_that_becomes_nan(
    step: int, said: str, nursery: Nursery, small_set: Path, left_alone, tmp_path: Path
):
    expected, out = left_alone("train")[0], tmp_path / "result"
    again = words("train", small_set, out)
    assert_refused(nursery, nursery.run(again, "nan", ("batch",), step), said, out)
    assert "the last good checkpoint is kept" in nursery.printed and len(pd.read_csv(out / "log.csv")) == 1
    assert nursery.run(again) == 0, nursery.printed
    assert_same(out, expected)


def test_damaged_files_of_a_run(nursery: Nursery, small_set: Path, left_alone, tmp_path: Path):
    expected, out = left_alone("train")[0], tmp_path / "result"
    again = words("train", small_set, out)
    assert nursery.run(again, "interrupt", ("checkpoint",), 4) == 1
    for name, said in {
        "config.json": "put a copy in its place",
        "last.safetensors": "or remove it, and the run",
    }.items():
        whole = (out / name).read_bytes()
        for damage in (b"", whole[: len(whole) // 2], whole[:-2], b"\x80\x04" + whole):
            (out / name).write_bytes(damage)
            assert_refused_for(nursery, again, name, said)
        (out / name).write_bytes(whole)
    (out / "log.csv").write_bytes(b"half a l")  # what can be made again is made again
    assert nursery.run(again) == 0, nursery.printed
    assert_same(out, expected)


def assert_refused_for(nursery: Nursery, command: list[str], name: str, said: str) -> None:
    "One line that names the file and what to do."
    assert nursery.run(command) == 1
    lines = nursery.printed.splitlines()
    assert len(lines) == 1 and name in lines[0] and said in lines[0], nursery.printed
