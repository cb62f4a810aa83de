"""A command that is killed and given again ends as one that was never stopped, bit for bit."""

import os
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from stopped import Nursery, assert_same

from reid_course.minimarket import make_minimarket

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 and fork are of POSIX systems")
MANY = pytest.param(5, marks=pytest.mark.long)
QUICK = ["--weights", "none", "--size", "32", "16", "--strides", "imagenet", "--p", "4"]
TRAINING = ("before the first checkpoint", "batch", "checkpoint", "evaluation")
PHASES = {
    "train": TRAINING,
    "demo": TRAINING,
    "reproduce": TRAINING,
    "make": ("draw", "folder"),
    "unpack": ("unpack", "folder"),
}


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    found = Nursery(tmp_path_factory.mktemp("nursery"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_minimarket(tmp_path_factory.mktemp("drawn") / "set", 12, (32, 16), images_per_identity=4)
    shutil.make_archive(str(root), "zip", root)
    return root


def words(command: str, drawn: Path, out: Path) -> list[str]:
    "The command, given for the first time or again."
    data = ["--data", str(drawn), "--out", str(out), *QUICK]
    return {
        "train": ["train", *data, "--epochs", "3", "--seed", "7", "--resume"],
        "demo": ["demo", "--out", str(out)],
        "reproduce": ["reproduce", *data, "--epochs", "2", "--seeds", "1", "--ablations", "0"],
        "make": ["data", "make", str(out), "--identities", "6", "--size", "32", "16"],
        "unpack": ["data", "unpack", f"{drawn}.zip", str(out)],
    }[command]


@pytest.fixture(scope="module")
def whole(nursery: Nursery, drawn: Path, tmp_path_factory: pytest.TempPathFactory):
    "What each command makes when nobody stops it, and the events on its way; made when first asked for."
    made: dict[str, tuple[Path, list[str]]] = {}

    def make(command: str) -> tuple[Path, list[str]]:
        if command not in made:
            out = tmp_path_factory.mktemp("whole") / "result"
            assert nursery.run(words(command, drawn, out)) == 0, nursery.printed
            made[command] = out, nursery.seen
        return made[command]

    return make


def moment(phase: str, seen: list[str], chance: random.Random) -> tuple[str, int]:
    "A kind of event, and which of them: in the first third, so that a run is killed more than once."
    if phase == TRAINING[0]:
        return "any", chance.randint(1, seen.index("checkpoint"))
    return phase, chance.randint(1, -(-seen.count(phase) // 3))


@pytest.mark.parametrize("kills", (3, MANY))
@pytest.mark.parametrize("command", PHASES)
def test_killed_in_each_phase(command: str, kills: int, nursery: Nursery, drawn: Path, whole, tmp_path: Path):
    (expected, seen), out = whole(command), tmp_path / "result"
    again, seed = words(command, drawn, out), random.randrange(10**6)
    chance = random.Random(seed)
    phases = sorted(PHASES[command] * kills, key=lambda x: (x != TRAINING[0], chance.random()))
    while phases:
        kind, n = moment(phases[0], seen, chance)
        share = chance.choice((chance.random(), 1.0))  # of the file, if it was being written
        code = nursery.run(again, "kill", kind, n, share)
        print(f"seed {seed}, {phases[0]}: at {kind} {n}, {share:.0%} written: exit code {code}")
        if code == 0:  # it came to its end before
            assert_same(out, expected)
            shutil.rmtree(out)
        else:
            assert code == -signal.SIGKILL, nursery.printed
            del phases[0]
    assert nursery.run(again) == 0, nursery.printed
    assert_same(out, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
