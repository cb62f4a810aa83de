"""Measure again what a reader should find: python tools/bands.py [NAME…] writes results/bands.json

A lesson with a band has a function `measure(seed)`, which returns numbers by name, and a line `expected(…, "08")`.
Where it has MISTAKES (arguments of `measure` by name), what these give goes into results/mistakes.json.
"""

import json
import os
import re
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

from lessons import BANDS, passed_over
from listing import NOTEBOOKS, code

SEEDS = range(5)
MISTAKES = BANDS.with_name("mistakes.json")


def banded(
    path: Path,
) -> str:  # what its band is called by; "" where it has none
    "What a lesson calls its band."
    found = re.search(r'expected\(\w+, "(\w+)"\)', "\n".join(code(path)))
    return path.stem if path.stem == "whole" else found[1] if found else ""


def measured(
    path: Path,
) -> tuple[list[dict[str, float]], dict[str, dict[str, float]]]:  # a row a seed, and a row a mistake
    "Run a lesson up to its band, its experiment with every seed, and each planted mistake once."
    from execnb.shell import CaptureShell
    from nbdev.process import NBProcessor

    lesson, shell = NBProcessor(path, rm_directives=False).nb, CaptureShell(path)
    with chdir(path.parent):
        for cell in lesson.cells:
            if re.search(r"^expected\(", cell.source, re.M):
                break
            if not passed_over(cell):
                shell.cell(cell)
                if shell.exc:
                    raise shell.exc
        measure, mistakes = shell.user_ns["measure"], shell.user_ns.get("MISTAKES", {})
        wrong = {name: measure(SEEDS[0], **changed) for name, changed in mistakes.items()}
        return [measure(seed) for seed in SEEDS], wrong


def of_the_library(
    seed: int,
) -> dict[str, float]:
    "What the library scores with the options and the people of nbs/whole.ipynb, which imports nothing of it."
    import tempfile

    from reid_course.minimarket import make_minimarket
    from reid_course.training import train

    options = {"epochs": 6, "size": (64, 32), "strides": "imagenet", "weights": None, "weight_decay": 0.0}
    options |= {"lr": 2e-3, "schedule": "cosine", "warmup": 1.0, "weighting_lr_mult": 20.0, "seed": seed}
    with tempfile.TemporaryDirectory() as place:
        data = make_minimarket(Path(place) / "data", 140, (64, 32), layout="course")
        last = train(data, Path(place) / "run", **options).log.iloc[-1]
    names = {
        "accuracy": "accuracy",
        "mAP": "mAP",
        "rank-1": "rank1",
        "mAP, other cameras": "mAP_cross_camera",
    }
    return {name: float(last[column]) for name, column in names.items()}


def write(
    path: Path,
) -> None:
    "Put a lesson's bands into the file, which holds those of the others."
    from reid_course.course.exercises import band
    from reid_course.engine.files import write_json

    whole = path.stem == "whole"
    rows, wrong = ([of_the_library(seed) for seed in SEEDS], {}) if whole else measured(path)
    bands = {name: band([row[name] for row in rows]) for name in rows[0]}
    for file, found in ((BANDS, bands), (MISTAKES, wrong)):
        others = json.loads(file.read_text()) if file.exists() else {}
        kept = others | {banded(path): found}
        write_json(file, {name: kept[name] for name in sorted(kept) if kept[name]})
    for name, found in bands.items():
        print(f"{path.stem}  {name}  {found['mean']:.3f} ± {found['band']:.3f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        write(Path(sys.argv[2]))
    else:
        names = [Path(name).stem for name in sys.argv[1:]]
        quiet = os.environ | {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
        for path in NOTEBOOKS:
            if banded(path) and (not names or path.stem in names):
                subprocess.run([sys.executable, __file__, "--one", path], env=quiet, check=True)
