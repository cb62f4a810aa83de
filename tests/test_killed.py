"""A training that is killed and resumed ends as one that was never stopped, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from reid_course.minimarket import make_minimarket
from reid_course.model import read_weights

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 is a thing of POSIX systems")
KILLS = 3


def start(data: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    "Begin, or go on with, a training of three epochs."
    command = [
        sys.executable,
        "-m",
        "reid_course.cli",
        "train",
        "--data",
        str(data),
        "--out",
        str(out),
        *more,
    ]
    command += ["--weights", "none", "--size", "64", "32", "--epochs", "3", "--p", "4", "--seed", "7"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_killed_and_resumed_is_the_same(tmp_path: Path):
    data = make_minimarket(tmp_path / "set", 12, size=(64, 32))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    began = time.monotonic()
    assert start(data, whole).wait(timeout=120) == 0
    seconds = time.monotonic() - began

    seed = random.randrange(10**6)
    moments = [random.Random(seed + i).uniform(0.2, 1.0) * seconds for i in range(KILLS)]
    print(f"seed {seed}: killed after {', '.join(f'{moment:.2f} s' for moment in moments)}")
    for moment in moments:
        process = start(data, broken, *(["--resume"] if broken.exists() else []))
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start(data, broken, *(["--resume"] if broken.exists() else [])).wait(timeout=120) == 0

    for name in ("last.safetensors", "best.safetensors"):
        expected, _ = read_weights(whole / name)
        found, _ = read_weights(broken / name)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected), name
    logs = [pd.read_csv(run / "log.csv").drop(columns="seconds") for run in (whole, broken)]
    pd.testing.assert_frame_equal(*logs)
    assert not [file for file in broken.rglob("*") if file.name.endswith(".part")]
