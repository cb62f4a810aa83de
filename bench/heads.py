"""What ConvHead and SA add to a step, beside their own operations alone: python bench/heads.py [ROUNDS [HEIGHT]]

Steps of the three models in turn, in one process, so that the machine's moods hit them alike.
Prints JSON: seconds beyond the ResNet's.
"""

import json
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from steps import a_batch, a_trainer

from reid_course.engine.config import TrainConfig
from reid_course.engine.devices import autocast, pick_precision
from reid_course.engine.trainer import Trainer
from reid_course.model import MODELS


def step(trainer: Trainer, height: int) -> None:
    "A training step of 64 images, twice as high as wide."
    pixels = torch.zeros((64, height, height // 2, 3), dtype=torch.uint8)
    targets, pids = torch.zeros((64, 12), dtype=torch.int64), torch.arange(16).repeat_interleave(4)
    trainer.step(a_batch(pixels, targets, pids), lr=1e-4)


def heads_alone(trainer: Trainer, side: int) -> Callable[[], None]:
    "The heads' forward and backward, and Adam's step of their weights, on maps that are there."
    heads, kind = trainer.model.heads, pick_precision(torch.device("cpu"))
    maps = torch.randn(64, 256, side, side).to(kind).to(memory_format=torch.channels_last).requires_grad_()
    features = {"layer3": maps, "v": torch.randn(64, 512, requires_grad=True)}
    optimizer = torch.optim.Adam(heads.parameters(), lr=1e-4, fused=True)

    def work() -> None:
        optimizer.zero_grad()
        with autocast(torch.device("cpu")):
            logits = heads(features)
        torch.stack([x.float().mean() for x in logits]).sum().backward()
        optimizer.step()

    return work


def seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    rounds, height = (int(sys.argv[i]) if len(sys.argv) > i else n for i, n in ((1, 15), (2, 128)))
    torch.set_num_threads(2)
    trainers, others = (
        {m: a_trainer(TrainConfig(m, weights=None), torch.device("cpu")) for m in MODELS} for _ in range(2)
    )
    alone = {m: heads_alone(others[m], height // 8) for m in MODELS}
    taken: dict[str, dict[str, list[float]]] = {m: {"step": [], "alone": []} for m in MODELS}
    for i in range(rounds + 1):
        for m in MODELS:
            found = {"step": seconds(lambda m=m: step(trainers[m], height)), "alone": seconds(alone[m])}
            for name, value in found.items() if i else ():  # the first round prepares
                taken[m][name].append(value)
    base, found = taken["resnet"], {}
    for m, t in taken.items():  # the median of the rounds' differences: one bad moment decides nothing
        found[m] = {name: median(a - b for a, b in zip(t[name], base[name], strict=True)) for name in t}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
