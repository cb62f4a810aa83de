"""Seven weightings of the two losses, compared: python tools/weightings.py FILE

Writes a JSON file such as results/weightings.json, run by run: what is in it is not trained again, and a run that was
stopped goes on. Without --data, 100 people are drawn: 55 runs, each about half a minute on one core. The ratio and the
temperature are tuned on the people that --tuned-on holds out, and judged on those of --judged-on. On real data:

    python tools/weightings.py results/weightings-market.json --data $REID_MARKET --seeds 3 --tuning-seeds 1
"""

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from listing import ROOT

from reid_course.course.experiments import in_words
from reid_course.course.weightings import WEIGHTINGS, study
from reid_course.data import Dataset, load_dataset
from reid_course.engine.files import file_digest, read_json, write_json
from reid_course.engine.records import machine
from reid_course.errors import ReidError
from reid_course.minimarket import make_minimarket

PEOPLE, IMAGES = 100, 12  # drawn to train on and to hold out, and pictures of each, on average
BOTH: dict[str, Any] = {  # without weight decay the sum of two weights hardly matters to Adam
    "weights": None,
    "strides": "imagenet",
    "weight_decay": 0.0,
    "schedule": "cosine",
    "warmup": 1.0,
    "weighting_lr_mult": 20.0,
}
DRAWN = BOTH | {
    "epochs": 7,
    "size": (64, 32),
    "p": 32,
    "k": 2,
    "lr": 2e-3,
}  # the demo's, longer for fewer people
REAL = BOTH | {"epochs": 8, "size": (128, 64), "p": 16, "k": 4, "lr": 1e-3}
TOLD = ("epochs", "size", "p", "k", "lr", "valid")  # options of the command that replace these


def arguments() -> argparse.ArgumentParser:
    "What the command takes."
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="the JSON file to write, or to go on with")
    parser.add_argument("--data", type=Path, help="the folder of a data set; none: people are drawn")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs", help="for the folders of unfinished runs")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each weighting that are judged")
    parser.add_argument("--tuning-seeds", type=int, default=2, help="runs of each setting that is tried")
    parser.add_argument("--weightings", nargs="+", default=[*WEIGHTINGS], choices=WEIGHTINGS, metavar="NAME")
    parser.add_argument("--tuned-on", type=int, default=1, help="the split of the people to tune on")
    parser.add_argument("--judged-on", type=int, default=0, help="the split of the people to judge on")
    parser.add_argument("--people", type=int, default=PEOPLE, help="how many are drawn")
    parser.add_argument("--valid", type=float, default=0.3, help="share of the people held out")
    parser.add_argument("--size", type=int, nargs=2, help="height and width of the images")
    for name, kind in (("--epochs", int), ("--p", int), ("--k", int), ("--lr", float)):
        parser.add_argument(name, type=kind, help="in place of the usual one")
    return parser


def about(
    data: Dataset,
    settings: dict[str, Any],  # options of `train` that all runs share
    said: argparse.Namespace,
) -> dict[str, Any]:  # as it will be read again
    "What a file is of: rows of other images, settings or splits would not be comparable."
    digests = "".join(sorted(map(file_digest, data.train.path)))
    labels = data.train.drop(columns="path").to_csv(index=False)
    images = hashlib.sha256((digests + labels).encode()).hexdigest()[:16]
    found = {"data": in_words(data) if said.data else f"MiniMarket, {in_words(data)}", "images": images}
    found |= {"tuned_on": said.tuned_on, "judged_on": said.judged_on, "settings": settings}
    return json.loads(json.dumps(found))


def going_on(
    file: Path,
    found: dict[str, Any],  # of `about`
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:  # both empty where there is no file
    "The rows that are in a file, and the machines that they were made on. `ReidError`: they are of another study."
    if not file.exists():
        return [], []
    before = read_json(file, *found, "machines", "rows")
    old, new = (flat(study) for study in (before, found))
    other = next((name for name in new if old.get(name) != new[name]), None)
    if other:
        raise ReidError(
            f"{file} is of a study with {other} = {old.get(other)}, not {new[other]}; "
            "expected the same: choose another file, or remove it"
        )
    return before["rows"], before["machines"]


def flat(
    study: dict[str, Any],  # with what `about` gives
) -> dict[str, Any]:  # by name: numbers and texts
    "What a study is of, its settings beside the rest."
    both = {name: study[name] for name in ("data", "images", "tuned_on", "judged_on")} | study["settings"]
    return {name: " × ".join(map(str, x)) if isinstance(x, list) else x for name, x in both.items()}


def compare(
    said: argparse.Namespace,
    data: Dataset,
) -> None:
    "Train what the file does not have."
    usual = REAL if said.data else DRAWN
    own = {name: getattr(said, name) for name in TOLD if getattr(said, name) is not None}
    settings = usual | own | ({"size": tuple(said.size)} if said.size else {})
    found = about(data, settings, said)
    rows, machines = going_on(said.file, found)
    machines = [*machines, *([here] if (here := machine()) not in machines else [])]

    def keep(rows: list[dict[str, Any]]) -> None:
        last = rows[-1]
        last["machine"] = machines.index(here)
        write_json(said.file, found | {"machines": machines, "rows": rows})
        scores = "  ".join(f"{name} {100 * last['last'][name]:.1f} %" for name in ("accuracy", "mAP"))
        setting = "" if last["setting"] is None else f" {last['setting']:g}"
        print(
            f"{last['weighting']}{setting}, split {last['split']}, seed {last['seed']}: {scores}", flush=True
        )

    study(
        data,
        said.runs / f"weightings-{said.file.stem}",
        said.weightings,
        range(said.seeds),
        tuning=range(said.tuning_seeds),
        splits=(said.tuned_on, said.judged_on),
        known=rows,
        keep=keep,
        **settings,
    )


def prepared(
    said: argparse.Namespace,
) -> None:
    "Read the data set, or draw one, and compare."
    if said.data:
        compare(said, load_dataset(said.data))
        return
    with tempfile.TemporaryDirectory() as folder:
        size = tuple(said.size or DRAWN["size"])
        root = make_minimarket(Path(folder) / "data", said.people, size, "course", images_per_identity=IMAGES)
        compare(said, load_dataset(root))


def main() -> None:
    said = arguments().parse_args()
    try:
        prepared(said)
    except ReidError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
