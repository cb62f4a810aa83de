"""What the ConvHead and SA add to a training step, beside what their own operations take alone: python bench/heads.py

Steps of the three models in turn, in one process, so that the machine's moods hit them alike.
Prints JSON: seconds beyond the ResNet's.
"""

import json
import time
from collections.abc import Callable
from statistics import median

import torch

from reid_course.engine.devices import pick_precision
from reid_course.learning import Config, State
from reid_course.model import MODELS, autocast

ROUNDS = 15


def step(state: State) -> None:
    "A training step of 64 images, 128 × 64."
    pixels, pids = torch.zeros((64, 128, 64, 3), dtype=torch.uint8), torch.arange(16).repeat_interleave(4)
    state.step(pixels, torch.zeros((64, 12), dtype=torch.int64), pids, lr=1e-4)


def heads_alone(state: State) -> Callable[[], None]:
    "The heads' forward and backward, and Adam's step of their weights, on maps that are there."
    heads, kind = state.model.heads, pick_precision(torch.device("cpu"))
    maps = torch.randn(64, 256, 16, 16).to(kind).to(memory_format=torch.channels_last).requires_grad_()
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
    torch.set_num_threads(2)
    states = {m: State.new(Config(m, weights=None), torch.device("cpu")) for m in MODELS}
    alone = {m: heads_alone(State.new(Config(m, weights=None), torch.device("cpu"))) for m in MODELS}
    taken: dict[str, dict[str, list[float]]] = {m: {"step": [], "alone": []} for m in MODELS}
    for i in range(ROUNDS + 1):
        for m in MODELS:
            found = {"step": seconds(lambda m=m: step(states[m])), "alone": seconds(alone[m])}
            for name, value in found.items() if i else ():  # the first round prepares
                taken[m][name].append(value)
    base, found = taken["resnet"], {}
    for m, t in taken.items():  # the median of the rounds' differences: one bad moment decides nothing
        found[m] = {name: median(a - b for a, b in zip(t[name], base[name], strict=True)) for name in t}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
