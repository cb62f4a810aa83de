"""Every option of `train` with every other, and with every command that reads its run: in pairs."""

from pathlib import Path
from typing import Any

import pytest
from paired import CASES, VALUES

from reid_course.cli.main import main
from reid_course.minimarket import make_minimarket

QUICK, LONG = 3, 15  # cases of every run of the tests, and of those of minutes; the others are deep


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    "A small data set in each layout, and a run whose weights can be started from."
    root = tmp_path_factory.mktemp("options")
    found = {
        layout: make_minimarket(root / layout, 10, (32, 16), layout, images_per_identity=4)
        for layout in ("official", "course")
    }
    for image in sorted((found["official"] / "bounding_box_train").glob("*.jpg")):
        person = root / "folder" / image.name[:4]
        person.mkdir(parents=True, exist_ok=True)
        (person / image.name).write_bytes(image.read_bytes())
    quick = [
        "--weights",
        "none",
        "--strides",
        "imagenet",
        "--size",
        "32",
        "16",
        "--epochs",
        "1",
        "--p",
        "3",
        "--k",
        "2",
    ]
    assert main(["train", "--data", str(found["course"]), "--out", str(root / "start"), *quick]) == 0
    return found | {"folder": root / "folder", "start": root / "start"}


def words(
    case: dict[str, Any],  # a value for each option
    start: Path,  # the run to start from
) -> list[str]:
    "The case as flags of `train`."
    found = []
    for name, value in case.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            found.append(flag if value else flag.replace("--", "--no-"))
        else:
            found += [flag, *(str(start) if value == "WEIGHTS" else str(value)).split()]
    return found


def refused(
    case: dict[str, Any],
    command: str,  # a key of COMMANDS
) -> str:  # what the one line says; "" if the command works
    "What a command cannot do with the run of a case."
    nobody, unlabelled = case["valid"] == 0, case["layout"] == "folder"
    heads = case["tasks"] != "reid" and not unlabelled
    junk = "junk" in command
    if command == "train":
        if unlabelled and case["tasks"] != "reid":
            return "no attribute labels"
        if case["monitor"] == "accuracy" and not heads:
            return "monitor is accuracy"
        return "which an attribute head learns" if case["junk"] and not heads else ""
    if (command == "predict" or "words" in command) and not heads:
        return "no attribute heads"
    if command.startswith("evaluate") and nobody and case["layout"] != "official":
        return "held nobody out"
    if junk and "stored" in command and (nobody or not heads):
        return "does not say what is junk"
    if junk and nobody:
        return "held nobody out to set a limit"
    if junk and not heads:
        return "no attribute heads"
    if command.startswith("submit") and not heads:
        return "does not predict age"
    return ""


COMMANDS = {
    "evaluate": "evaluate RUN --data DATA",
    "evaluate, re-ranked": "evaluate RUN --data DATA --re-rank",
    "predict": "predict RUN IMAGE",
    "query": "search RUN --data DATA --query IMAGE --top 3 --re-rank",
    "words": "search RUN --data DATA --where hat=no hat=yes --top 3",
    "junk": "search RUN --data DATA --query IMAGE --drop-junk",
    "index": "index RUN --data DATA --out GALLERY",
    "stored, words": "search RUN --gallery GALLERY --where hat=no hat=yes --top 3",
    "stored, words weighed": "search RUN --gallery GALLERY --query IMAGE --where hat=no --weight",
    "stored, junk": "search RUN --gallery GALLERY --query IMAGE --re-rank --drop-junk",
    "submit": "submit RUN --data DATA --out NEW",
    "submit, together": "submit RUN --data DATA --out NEW --re-rank --neighbours 3",
    "submit, junk": "submit RUN --data DATA --out NEW --drop-junk",
    "resume": "train --data DATA --out RUN --resume",
}


def outcome(
    capsys: pytest.CaptureFixture,
    line: list[str],  # a command
) -> str:  # "" if it works, else its one line
    "What a command comes to."
    capsys.readouterr()
    code = main(line)
    said = capsys.readouterr().err
    assert (code == 0) == (said == ""), said
    assert said.count("\n") == code and "Traceback" not in said, said
    return said


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case, marks=[pytest.mark.long] * (i >= QUICK) + [pytest.mark.deep] * (i >= LONG), id=str(i)
        )
        for i, case in enumerate(CASES)
    ],
)
def test_a_run_of_any_options_is_read_by_every_command(
    case: dict[str, Any], drawn: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture
):
    data, run = drawn[case["layout"]], tmp_path / "run"
    image = next(iter(sorted(data.rglob("*.jpg"))))
    places = {"RUN": str(run), "DATA": str(data), "IMAGE": str(image), "NEW": str(tmp_path / "new")}
    places["GALLERY"] = str(tmp_path / "seen.npz")
    options = words({name: case[name] for name in VALUES}, drawn["start"])
    said = outcome(capsys, ["train", "--data", str(data), "--out", str(run), *options])
    why = refused(case, "train")
    assert (why in said) if why else not said, said
    if why:
        return
    assert (run / "report.html").is_file()
    for name, command in COMMANDS.items():
        if name.startswith("submit") and case["layout"] != "course":
            continue
        line = [places.get(word, word) for word in command.split()] + (options if name == "resume" else [])
        said, why = outcome(capsys, line), refused(case, name)
        assert (why in said) if why else not said, f"{name}: {said}"
