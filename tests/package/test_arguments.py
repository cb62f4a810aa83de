"""What all commands have in common: a device where something is computed, and first of all what was found."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest
from trained import SMALL

from reid_course.cli.arguments import make_parser
from reid_course.cli.main import main
from reid_course.data import load_dataset
from reid_course.engine.weighing import WEIGHT
from reid_course.training import train

COMPUTES_NOTHING = {"data make", "data check", "data unpack", "doctor", "progress"}
ON_THE_CPU = {"export"}  # a file of 32-bit numbers, which is the same wherever it is made


def commands(parser: argparse.ArgumentParser, words: str = "") -> Iterator[tuple[str, set[str]]]:
    "Each command and its flags."
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield words.strip(), {flag for action in parser._actions for flag in action.option_strings}
    for name, child in (pair for action in inner for pair in action.choices.items()):
        yield from commands(child, f"{words} {name}")


def test_every_command_that_computes_takes_a_device():
    without = {name for name, flags in commands(make_parser()) if "--device" not in flags}
    assert without == COMPUTES_NOTHING | ON_THE_CPU


def test_the_usual_weight_is_said(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit):
        make_parser().parse_args(["search", "--help"])
    assert f"λ is {WEIGHT:g} unless given" in " ".join(capsys.readouterr().out.split())


def test_the_first_line_says_what_was_found(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    train(drawn, tmp_path / "run", epochs=1, **SMALL)
    data, run, out = f"--data {drawn}", str(tmp_path / "run"), f"--out {tmp_path}"
    fast = "--weights none --size 32 16 --strides imagenet --p 4 --k 2 --epochs 1"
    lines = {
        f"train {data} {out}/new {fast} --resume": "",
        f"evaluate {run} {data}": "",
        f"search {run} {data} --where hat=no hat=yes --top 3": "",
        f"submit {run} {data} {out}/files": "",
        f"reproduce {data} {out}/again {fast} --valid 0": "nobody is held out",  # the rest takes minutes
    }
    for line, refused in lines.items():
        code = main(line.split())
        said = capsys.readouterr()
        assert said.out.splitlines()[0] == load_dataset(drawn).summary, line
        assert (code == 0) == (refused == "") and refused in said.err, said.err
