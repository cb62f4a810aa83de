"""Measure this project, its peers, plain versions and the limits: python bench/run.py [--big] [--only TEXT]

Writes bench/results.json, and bench/results.md from it. Every figure comes from processes of its own, one after the
other; peers are installed into environments of their own beneath bench/.envs, which git ignores.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
sys.path.insert(0, str(HERE))
from cases import CASES  # noqa: E402

ROUNDS = 3
BIG = "evaluate_embeddings, 100,000 × 1,000,000"
TWO_THREADS = ("training", "extraction", "matrix", "evaluate_embeddings, 100,000")
TORCH = ["torch==2.14.1", "torchvision==0.29.1"]
PEERS = {  # pip's arguments, call by call; a peer runs the cases whose name contains its own
    "pytorch-metric-learning": [["pytorch-metric-learning==2.9.0", *TORCH]],
    "torchreid": [  # the second line is what it imports and does not ask for
        ["torchreid==0.2.5", *TORCH, "numpy<2"],
        [
            "scipy",
            "pandas",
            "opencv-python-headless",
            "gdown",
            "tensorboard",
            "huggingface-hub",
            "setuptools<81",
        ],
    ],
    "fastreid": [  # it asks for torch 1.13, which this Python cannot have
        ["--no-deps", "fastreid==1.4.0"],
        [
            *TORCH,
            "numpy<2",
            "cython<3",
            "setuptools<81",
            "scikit-learn",
            "faiss-cpu",
            "opencv-python-headless",
        ],
        ["tabulate", "tensorboard", "termcolor", "yacs"],
    ],
    "open-metric-learning": [["open-metric-learning==4.0.0", *TORCH], ["omegaconf"]],
}
GROWTH = {  # what grows, through which numbers
    "evaluate_embeddings/reid_course": ("gallery images, 300 queries", (1_000, 10_000, 100_000, 1_000_000)),
    "re_rank/reid_course": ("images", (2_500, 5_000, 10_000, 20_000)),
    "triplet loss, growth/reid_course": ("images a batch, K4", (64, 128, 256, 512)),
    "P×K batches, growth/reid_course": ("people, 16 images each", (100, 1_000, 10_000, 100_000)),
    "attribute heads, growth/reid_course": ("attributes, ConvHead", (6, 12, 24, 48)),
    "training step, ResNet/reid_course": ("height of the images", (64, 96, 128, 192)),
}
QUOTED = [  # measured on 2 cores with AMX, November 2026, elsewhere; not installable from the registry
    ("evaluate_retrieval", "torchreid, Cython (quoted)", 2.6, 869),
    ("re_rank", "torchreid (quoted)", 121, 8499),
]


def environment(
    peer: str,  # one of PEERS, or "" for this project
) -> str:  # its Python
    "An environment of a peer's own, made when it is not there yet."
    if not peer:
        return sys.executable
    folder = HERE / ".envs" / peer
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        print(f"installing {peer} into {folder.relative_to(HERE.parent)}", flush=True)
        clean = {k: v for k, v in os.environ.items() if not k.endswith("CONSTRAINT")}
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        for arguments in PEERS[peer]:
            subprocess.run([python, "-m", "pip", "install", "-qq", *arguments], check=True, env=clean)
        for extension in folder.glob("lib/*/site-packages/fastreid/evaluation/rank_cylib"):
            build = [python, "setup.py", "-q", "build_ext", "--inplace"]
            subprocess.run(build, cwd=extension, check=True, env=clean, stdout=subprocess.DEVNULL)
        (folder / "made").touch()
    return str(python)


def once(
    name: str,  # of a case
    number: int | None = None,  # for growth
) -> dict:  # seconds and MiB of one process; or why there are none
    "One process of one case."
    peer = next((peer for peer in PEERS if peer in name.split("/")[1]), "")
    command = [
        environment(peer),
        str(HERE / "measure.py"),
        name,
        threads(name),
        "3",
        *([str(number)] if number else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def table_of(name: str) -> str:
    "The table a case stands in."
    return name.split("/")[0]


def threads(name: str) -> str:
    "How many threads a case may use."
    return "2" if name.startswith(TWO_THREADS) else "1"


def summary(
    name: str,  # of a case
    runs: list[dict],  # of its processes
) -> dict:  # the best, and how far they lie apart
    "What several processes of one case tell."
    if failed := [run for run in runs if "failed" in run]:
        return failed[0]
    column = {key: [run[key] for run in runs] for key in ("cpu", "wall", "extra")}
    return {
        **{"cpu": min(column["cpu"]), "wall": min(column["wall"]), "extra": max(column["extra"])},
        **{
            "spread": max(column["cpu"]) / min(column["cpu"]) - 1,
            "processes": len(runs),
            "threads": int(threads(name)),
        },
        **({"made": runs[0]["made"]} if runs[0]["made"] else {}),
    }


def measure(
    names: list[str],  # of the cases that one table compares
) -> dict[str, dict]:  # what each took
    "The cases of a table in turn, several times over: what else the machine does meets all of them alike."
    runs: dict[str, list[dict]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            if (
                not runs[name] or runs[name][0].get("wall", np.inf) < 60
            ):  # one is enough of what takes so long
                runs[name].append(once(name))
    return {name: summary(name, of) for name, of in runs.items()}


def grow(results: dict) -> None:
    "How the cost grows, with the exponent of a power fitted to the points but the smallest."
    for name, (what, numbers) in GROWTH.items():
        print(f"growth of {name}", flush=True)
        seconds = [once(name, n)["cpu"] for n in numbers]
        exponent = float(np.polyfit(np.log(numbers[1:]), np.log(seconds[1:]), 1)[0])
        row = table_of(name).removesuffix(", growth")
        results["growth"][row] = {"what": what, "numbers": numbers, "cpu": seconds, "exponent": exponent}
        save(results)


def heads() -> dict[str, dict[str, float]]:
    "What each model's step takes, and its heads alone, in turn in one process."
    print("heads", flush=True)
    done = subprocess.run(
        [sys.executable, str(HERE / "heads.py")], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def gallery(pictures: int) -> dict:
    "What a gallery on disk takes."
    print(f"gallery, {pictures:,} pictures", flush=True)
    command = [sys.executable, str(HERE / "gallery.py"), str(pictures)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> dict:
    "Where this was measured."
    from reid_course.engine.records import machine as of_the_course

    here = of_the_course()
    return {key: here[key] for key in ("processor", "torch", "amx_bf16", "avx512_bf16", "commit")} | {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
    }


def save(results: dict) -> None:
    "Keep what was found so far."
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--big",
        action="store_true",
        help="also 100,000 × 1,000,000, and a gallery of a million: half an hour",
    )
    parser.add_argument(
        "--only", default="", help="only cases whose name contains this; the others keep their figures"
    )
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"cases": {}, "growth": {}}
    wanted = [name for name in CASES if options.only in name and not table_of(name).endswith("growth")]
    for table, names in groupby(sorted(wanted, key=table_of), key=table_of):
        if table == BIG and not options.big:
            continue
        print(table, flush=True)
        results["cases"] |= measure(list(names))
        save(results)  # an hour's figures are not lost with the last one
    if not options.only or options.only == "growth":
        grow(results)
    if not options.only or options.only == "heads":
        results["heads"] = heads()
    if options.only == "gallery" or (options.big and not options.only):
        results["gallery"] = gallery(1_000_000 if options.big else 50_000) | {"machine": machine()}
    if not options.only:
        results["machine"] = machine()
    save(results)
    subprocess.run([sys.executable, str(HERE / "table.py")], check=True)


if __name__ == "__main__":
    main()
