"""What the tests of stopped commands share: a nursery of processes, and what two results must have in common."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reid_course.engine.checkpoint import read_tensors

QUICK = ["--weights", "none", "--size", "32", "16", "--strides", "imagenet", "--p", "4"]


def words(command: str, data: Path, out: Path) -> list[str]:
    "A command, given for the first time or again."
    place = ["--data", str(data), "--out", str(out), *QUICK]
    return {
        "train": ["train", *place, "--epochs", "3", "--seed", "7", "--resume"],
        "demo": ["demo", "--out", str(out)],
        "reproduce": ["reproduce", *place, "--epochs", "2", "--seeds", "1", "--ablations", "0"],
        "make": ["data", "make", str(out), "--identities", "6", "--size", "32", "16"],
        "unpack": ["data", "unpack", f"{data}.zip", str(out)],
    }[command]


class Nursery:
    "Runs commands in processes that end when a test says."

    def __init__(self, place: Path):
        self.notes = place / "notes"
        environment = os.environ | {"OMP_NUM_THREADS": "1"}  # a fork must not lose threads
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("nursery.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def run(
        self,
        words: list[str],  # of the command
        how: str = "none",  # "kill", "interrupt", "moment" (killed after n seconds), "nan", or the name of an OSError
        kinds: Sequence[str] = (),  # of the event at which it happens; (): of any kind
        n: float = 0,  # which of them
        share: float = 1.0,  # of the file that is there by then, if it was being written
    ) -> int:  # exit code; negative: the signal that ended it
        "Run a command up to its end or its fate."
        wish = {"words": words, "notes": str(self.notes), "how": how, "kinds": kinds, "n": n, "share": share}
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(wish) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    @property
    def printed(self) -> str:
        return Path(f"{self.notes}.err").read_text()

    @property
    def said(self) -> str:
        return Path(f"{self.notes}.out").read_text()

    @property
    def seen(self) -> list[str]:  # kinds of events, in their order; files with their names
        return json.loads(Path(f"{self.notes}.seen").read_text())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def without_times(content: Any) -> Any:
    "JSON without what differs between two runs that are the same."
    if isinstance(content, dict):  # the commit: somebody may work on the project meanwhile
        return {key: without_times(x) for key, x in content.items() if key not in ("seconds", "commit")}
    return [without_times(x) for x in content] if isinstance(content, list) else content


def content(file: Path) -> Any:
    "What a file says, times aside: equal for equal results."
    if file.suffix == ".safetensors":
        tensors, header = read_tensors(file)
        texts = {name: without_times(json.loads(text)) for name, text in header.items()}
        return {name: (x.dtype, x.shape, x.numpy().tobytes()) for name, x in tensors.items()}, texts
    if file.suffix == ".json":
        return without_times(json.loads(file.read_text()))
    if file.name == "log.csv":
        return pd.read_csv(file).drop(columns="seconds").to_csv()
    return file.read_bytes()


def assert_same(found: Path, expected: Path) -> None:
    "Two results hold the same files, and these the same."
    files, others = ({x.relative_to(top) for x in top.rglob("*")} for top in (found, expected))
    assert files == others
    for name in sorted(files):
        if (found / name).is_file():
            assert content(found / name) == content(expected / name), name
