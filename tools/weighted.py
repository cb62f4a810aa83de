"""What λ a weighted search should have: python tools/weighted.py FILE

Small networks of two seeds are trained on drawn people, half of them held out, twice: λ is chosen on the
people that split 1 holds out, and judged on those of split 0. Every held-out picture is a query, with 1, 2, 4 or 12 of
its true answers, drawn by lot; it is never found itself. Writes the mAP of each way as JSON.
"""

import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reid_course.course.experiments import DEMO
from reid_course.data import MARKET, attribute_targets
from reid_course.engine.files import write_json
from reid_course.engine.records import machine
from reid_course.engine.weighing import LEAST
from reid_course.minimarket import make_minimarket
from reid_course.training import train

IDENTITIES, IMAGES = 48, 8  # people, and pictures of each
SETTINGS: dict[str, Any] = DEMO | {"epochs": 6, "p": 8, "k": 4, "strides": "imagenet", "valid": 0.5}
LAMBDAS = (0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
CONDITIONS = (1, 2, 4, 12)
SEEDS = (0, 1)
CHOSEN_ON, JUDGED_ON = 1, 0  # splits of the people


def mean_ap(
    cost: np.ndarray,  # (n, n)
    passes: np.ndarray,  # (n, n) bool: what can be found
    right: np.ndarray,  # (n, n) bool: what should be
) -> float:
    "mAP with every picture as the query; what does not pass is never found."
    scores = []
    for row, ok, ours in zip(cost, passes, right, strict=True):
        if ours.any():
            ranks = np.flatnonzero(ours[ok][np.argsort(row[ok], kind="stable")]) + 1
            scores.append((np.arange(1, len(ranks) + 1) / ranks).sum() / ours.sum())
    return float(np.mean(scores))


def asked(
    n: int,  # queries
    conditions: int,  # of each
    rng: np.random.Generator,
) -> np.ndarray:  # (12, n, 1) bool
    "Which attributes each query names."
    return (rng.random((len(MARKET), n)).argsort(0) < conditions)[:, :, None]


def measured(
    split: int,
    seed: int,
    root: Path,  # of the data set
    out: Path,  # run folder to make
) -> list[dict[str, Any]]:  # a row for each protocol and number of conditions
    "mAP of a filter and of each λ on the held-out people of one training."
    run = train(root, out, seed=seed, **SETTINGS | {"split_seed": split})
    held = run.held_out(root)
    found, truth = run.model().predict(held.path.tolist()), attribute_targets(held)
    n, pids, cameras = len(held), held.pid.to_numpy(), held.camid.to_numpy(int)
    others = ~np.eye(n, dtype=bool)
    elsewhere = (pids[:, None] != pids) | (cameras[:, None] != cameras)
    distances = np.linalg.norm(found.embeddings[:, None] - found.embeddings, axis=2)
    distances /= distances[others].std()
    p = [found.probabilities[a.name] for a in MARKET]
    logs = np.stack([np.log(np.clip(q[:, truth[:, j]].T, LEAST, 1)) for j, q in enumerate(p)])
    fits = np.stack([truth[:, [j]] == q.argmax(1) for j, q in enumerate(p)])  # (12, n, n)
    rows = []
    for name, allowed in (("all cameras", others), ("across cameras", others & elsewhere)):
        right = (pids[:, None] == pids) & allowed
        for conditions in CONDITIONS:
            names = asked(n, conditions, np.random.default_rng(100 * seed + conditions))
            evidence = np.where(names, logs, 0).sum(0)
            passing = (fits | ~names).all(0) & allowed
            row = {"split": split, "seed": seed, "protocol": name, "conditions": conditions}
            row |= {"filter": mean_ap(distances, passing, right)}
            rows.append(row | {str(x): mean_ap(distances - x * evidence, allowed, right) for x in LAMBDAS})
    return rows


def chosen(
    table: pd.DataFrame,  # rows of `measured`
) -> float:
    "The λ with the highest mean over protocols, seeds and numbers of conditions on the split to choose by."
    return float(table[table.split == CHOSEN_ON][[*map(str, LAMBDAS)]].mean().idxmax())


def main() -> None:
    file = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        root = make_minimarket(Path(folder) / "data", IDENTITIES, DEMO["size"], images_per_identity=IMAGES)
        jobs = [(split, seed) for split in (CHOSEN_ON, JUDGED_ON) for seed in SEEDS]
        with ProcessPoolExecutor(min(len(jobs), os.cpu_count() or 1)) as pool:
            found = [pool.submit(measured, *job, root, Path(folder) / f"{job[0]}-{job[1]}") for job in jobs]
            rows = [row for one in found for row in one.result()]
    said = {
        "data": f"MiniMarket, seed 0, {IDENTITIES} people, {IMAGES} pictures of each",
        "chosen_on": CHOSEN_ON,
        "judged_on": JUDGED_ON,
    }
    settings = {name: value for name, value in SETTINGS.items() if name != "split_seed"}
    weight = chosen(pd.DataFrame(rows))
    write_json(file, said | {"weight": weight, "settings": settings, "machine": machine(), "rows": rows})
    print(f"λ = {weight}")


if __name__ == "__main__":
    main()
