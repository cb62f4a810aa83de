"""Every option of `train` with every other, and with every command that reads its run: in pairs."""

from dataclasses import fields
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest

from reid_course.cli.main import main
from reid_course.engine.config import TrainConfig
from reid_course.errors import ReidError
from reid_course.minimarket import make_minimarket

LAYOUTS = ("official", "course", "folder")
# two values or more of each option, the cheap ones; what is left out is a matter of size alone
VALUES: dict[str, list[Any]] = {
    "model": ["resnet", "convhead", "sa"],
    "epochs": [1, 2],
    "p": [3, 2],
    "k": [2, 3],
    "valid": [0.3, 0.0],
    "split_seed": [0, 1],
    "seed": [0, 1],
    "tasks": ["both", "attributes", "reid"],
    "weights": ["none", "WEIGHTS"],
    "depth": [18],
    "strides": ["reid", "imagenet"],
    "pooling": ["avg", "gem"],
    "layer": ["layer3", "layer2", "layer4"],
    "dim": [256, 16],
    "size": ["32 16"],
    "form": ["report", "kendall", "fixed"],
    "margin": ["0.3", "soft"],
    "mining": ["all", "hard", "semihard"],
    "lr": [3e-4, 1e-3],
    "schedule": ["constant", "cosine"],
    "warmup": [0.0, 0.5],
    "weighting_lr_mult": [1.0, 10.0],
    "weight_decay": [5e-4, 0.0],
    "precision": ["fp32", "auto"],
    "erasing_prob": [0.0, 0.5],
    "class_weight_power": [0.0, 0.5],
    "identity_weight": [0.0, 1.0],
    "identity_smoothing": [0.1, 0.0],
    "neck": [False, True],
    "ema_decay": [0.0, 0.9],
    "flip_tta": [False, True],
    "junk": [0.0, 0.25],
    "stock_stride_epochs": [0, 1],
    "patience": [0, 1],
    "monitor": ["selection_score", "accuracy", "mAP", "valid_total"],
}
APART: dict[tuple[str, Any], dict[str, list[Any]]] = {  # one value, and those that can do nothing beside it
    ("model", "resnet"): {"layer": ["layer2", "layer4"]},
    ("tasks", "attributes"): {"form": ["kendall", "fixed"], "weighting_lr_mult": [10.0], "neck": [True]},
    ("tasks", "reid"): {
        "form": ["kendall", "fixed"],
        "weighting_lr_mult": [10.0],
        "class_weight_power": [0.5],
    },
    ("form", "fixed"): {"weighting_lr_mult": [10.0]},
    ("identity_weight", 0.0): {"identity_smoothing": [0.0]},
    ("strides", "imagenet"): {"stock_stride_epochs": [1]},
    ("patience", 0): {"monitor": ["accuracy", "mAP", "valid_total"]},
    ("margin", "soft"): {"mining": ["semihard"]},
}
APART[("tasks", "attributes")] |= {"dim": [16], "margin": ["soft"], "mining": ["hard", "semihard"]}
APART[("tasks", "attributes")] |= {"identity_weight": [1.0], "identity_smoothing": [0.0]}
APART[("tasks", "reid")] |= {"layer": ["layer2", "layer4"]}


def apart(
    some: dict[str, Any],  # values of options
) -> list[str]:  # those that can do nothing beside the others
    "What is refused when the options are made."
    return [
        idle
        for (name, value), others in APART.items()
        if name in some and some[name] == value
        for idle, values in others.items()
        if idle in some and some[idle] in values
    ]


def cases() -> list[dict[str, Any]]:  # a value for each option, and the layout of the data
    "So many trainings that every two values that can be together are in one of them: each pair in the first it fits."
    factors, found = {"layout": list(LAYOUTS)} | VALUES, list[dict[str, Any]]()
    for (a, xs), (b, ys) in combinations(factors.items(), 2):
        for pair in ({a: x, b: y} for x, y in product(xs, ys) if not apart({a: x, b: y})):
            for case in found:
                if all(case.get(name, x) == x for name, x in pair.items()) and not apart(case | pair):
                    case |= pair
                    break
            else:
                found.append(pair)
    for case in found:
        for name, values in factors.items():
            case.setdefault(name, next(x for x in values if not apart(case | {name: x})))
    return [{name: case[name] for name in factors} for case in found]


CASES = cases()
QUICK = 3  # cases of every run of the tests; the others are long


def test_no_option_is_forgotten():
    assert list(VALUES) == [option.name for option in fields(TrainConfig)]
    one = {name for name, values in VALUES.items() if len(values) == 1}
    assert one == {"depth", "size"}


def made(**some: Any) -> TrainConfig:
    "Options of which all have an effect, but for some."
    rest: dict[str, Any] = {"model": "sa", "patience": 1, "weights": None} | some
    if rest.get("tasks") != "attributes":
        rest.setdefault("identity_weight", 1.0)
    rest["size"] = (32, 16)
    if "margin" in some and some["margin"] != "soft":
        rest["margin"] = float(some["margin"])
    return TrainConfig(**rest)


def test_an_option_that_can_do_nothing_is_refused():
    for (a, xs), (b, ys) in combinations(VALUES.items(), 2):
        for x, y in product(xs, ys):
            if not apart({a: x, b: y}):
                assert made(**{a: x, b: y})
                continue
            with pytest.raises(ReidError) as caught:
                made(**{a: x, b: y})
            idle = b if apart({a: x, b: y}) == [b] else a
            said = f"{idle} is {(y if idle == b else x)!r}, which has no effect without "
            assert "mining semihard" in str(caught.value) or said in str(caught.value), (a, x, b, y)


def test_every_two_values_are_in_one_case():
    some = VALUES | {"layout": list(LAYOUTS)}
    met = {frozenset(pair) for case in CASES for pair in combinations(sorted(map(str, case.items())), 2)}
    for (a, xs), (b, ys) in combinations(some.items(), 2):
        for x, y in product(xs, ys):
            assert apart({a: x, b: y}) or frozenset((str((a, x)), str((b, y)))) in met, (a, x, b, y)
    assert len(CASES) < 45


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
    [pytest.param(case, marks=[pytest.mark.long] * (i >= QUICK), id=str(i)) for i, case in enumerate(CASES)],
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
