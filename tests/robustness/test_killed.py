"""A command that is killed and given again ends as one that was never stopped, bit for bit."""

import os
import random
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from stopped import Nursery, assert_same, words

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 and fork are of POSIX systems")
TRAINING = ("before the first checkpoint", "batch", "checkpoint", "evaluation")
KINDS = {TRAINING[0]: (), "evaluation": ("look", "table")}
PHASES = {
    "train": TRAINING,
    "demo": TRAINING,
    "reproduce": TRAINING,
    "make": ("draw", "folder"),
    "unpack": ("unpack", "folder"),
}
KILLS = {  # where a run of the tests kills; demo and reproduce train by the same function, so each has half
    "train": TRAINING,
    "demo": TRAINING[:2],
    "reproduce": TRAINING[2:],
    "make": 3 * PHASES["make"],
    "unpack": 3 * PHASES["unpack"],
}


def moment(phase: str, seen: list[str], chance: random.Random) -> tuple[Sequence[str], int]:
    "Kinds of events, and which of them: in the first third, so that a run is killed more than once."
    kinds = KINDS.get(phase, (phase,))
    there = [kind in kinds for kind in seen]
    return kinds, chance.randint(1, -(-sum(there) // 3) if kinds else seen.index("checkpoint"))


@pytest.mark.parametrize(
    ("command", "where"),
    [*KILLS.items(), *(pytest.param(x, 5 * PHASES[x], marks=pytest.mark.deep) for x in PHASES)],
)
def test_killed_in_each_phase(
    command: str, where: tuple[str, ...], nursery: Nursery, small_set: Path, left_alone, tmp_path: Path
):
    (expected, seen, _), out = left_alone(command), tmp_path / "result"
    again, seed = words(command, small_set, out), random.randrange(10**6)
    chance = random.Random(seed)
    phases = sorted(where, key=lambda x: (x != TRAINING[0], chance.random()))
    while phases:
        kinds, n = moment(phases[0], seen, chance)
        share = chance.choice((chance.random(), 1.0))  # of the file, if it was being written
        code = nursery.run(again, "kill", kinds, n, share)
        print(f"seed {seed}, {phases[0]}: at the {n}., {share:.0%} written: exit code {code}")
        if code == 0:  # it came to its end before
            assert_same(out, expected)
            shutil.rmtree(out)
        else:
            assert code == -signal.SIGKILL, nursery.printed
            del phases[0]
    assert nursery.run(again) == 0, nursery.printed
    assert_same(out, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


@pytest.mark.parametrize(
    ("command", "kills"), [("train", 2), *(pytest.param(x, 5, marks=pytest.mark.deep) for x in PHASES)]
)
def test_killed_at_any_moment(
    command: str, kills: int, nursery: Nursery, small_set: Path, left_alone, tmp_path: Path
):
    (expected, _, seconds), out = left_alone(command), tmp_path / "result"
    again, seed = words(command, small_set, out), random.randrange(10**6)
    chance = random.Random(seed)
    for _ in range(kills):
        after = chance.uniform(0.1, 1.0) * seconds
        code = nursery.run(again, "moment", n=after)
        print(f"seed {seed}: killed after {after:.2f} of {seconds:.2f} s: exit code {code}")
        assert code in (0, -signal.SIGKILL), nursery.printed
        if code == 0 or (command in ("make", "unpack") and out.exists()):
            assert_same(out, expected)
            shutil.rmtree(out)
    assert nursery.run(again) == 0, nursery.printed
    assert_same(out, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
