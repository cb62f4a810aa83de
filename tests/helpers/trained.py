"""What tests of trainings share: a small backbone, a power cut, and what two runs must have in common."""

import pandas as pd
import torch
from torch import Tensor, nn

from reid_course.engine.checkpoint import read_tensors
from reid_course.engine.trainer import Callback, Trainer
from reid_course.training import Run

SMALL: dict = {"size": (32, 16), "strides": "imagenet", "weights": None, "p": 4, "k": 2}


class Plain(nn.Module):
    "A backbone that does the same in training and in evaluation."

    width, channels = 8, {"layer3": 8}

    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(3, 8, 5, stride=4)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps = self.look(images).relu()
        return {"layer3": maps, "v": maps.mean((2, 3))}


class PowerCut(Callback):
    "Fails after some epoch."

    def __init__(
        self,
        epoch: int = 1,  # from 1
    ):
        self.epoch = epoch

    def on_epoch(self, trainer: Trainer, row: dict[str, float]):
        if len(trainer.log) == self.epoch:
            raise KeyboardInterrupt


def same_state(one: Run, other: Run):
    "Weights, task weights and Adam's averages are the same, bit for bit, and so is the log but for the seconds."
    for here, there in ((one.last, other.last), (one.best, other.best)):
        first, second = read_tensors(here)[0], read_tensors(there)[0]
        assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
    pd.testing.assert_frame_equal(one.log.drop(columns="seconds"), other.log.drop(columns="seconds"))
    assert one.metrics["best_epoch"] == other.metrics["best_epoch"]
