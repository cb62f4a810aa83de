"""The gradients of several processes are those of one."""

import math
import os
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest
import torch
from several import SMALL, FrozenProcesses, frozen, together
from torch import Tensor, nn

from reid_course.data import ATTRIBUTES, JUNK, load_dataset
from reid_course.engine.config import TrainConfig
from reid_course.engine.group import ProcessGroup
from reid_course.engine.processes import share_norms
from reid_course.engine.trainer import Trainer
from reid_course.images import to_input
from reid_course.model import build_model
from reid_course.sampling import deal_rows
from reid_course.training import new_model
from reid_course.uncertainty import MultiTaskObjective

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked, and killed, as on POSIX")
NUMBERS = [2, pytest.param(4, marks=pytest.mark.deep)]
HAT = [a.name for a in ATTRIBUTES].index("hat")


VARIANTS = {
    "report": {},
    "hard, junk, names": {
        "model": "convhead",
        "junk": 0.3,
        "identity_weight": 1.0,
        "neck": True,
        "class_weight_power": 0.5,
        "mining": "hard",
        "form": "kendall",
    },
    "attention, soft": {"model": "sa", "margin": "soft"},
    "re-ID alone": {"tasks": "reid", "mining": "semihard"},
}
PEOPLE = 16  # images of people in a batch; with junk, the batch is no whole multiple of the processes


def batch(config: TrainConfig, people: pd.DataFrame) -> tuple[Tensor, dict[str, Tensor]]:
    "Images of noise with labels; some are unknown, and nobody's hat is known at all."
    chance = torch.Generator().manual_seed(1)
    n = PEOPLE + math.ceil(config.junk * PEOPLE)
    images = torch.randint(0, 256, (n, 64, 32, 3), dtype=torch.uint8, generator=chance)
    targets = torch.stack([torch.randint(len(a.classes), (n,), generator=chance) for a in ATTRIBUTES], 1)
    targets[: PEOPLE // 2 - 1, 0] = targets[:, HAT] = -1
    if config.junk > 0:
        targets[PEOPLE:] = -1
        targets = torch.cat([targets, (torch.arange(n) >= PEOPLE).long()[:, None]], 1)
    pids = torch.tensor(people.pid.unique()[: config.p]).repeat_interleave(config.k)
    labels = torch.arange(config.p).repeat_interleave(config.k)
    return to_input(images), {"attributes": targets, "pids": pids, "labels": labels}


def made(config: TrainConfig, people: pd.DataFrame, group: ProcessGroup) -> Trainer:
    "What would train with these options."
    model = new_model(config, (*ATTRIBUTES, JUNK) if config.junk > 0 else ATTRIBUTES, people.pid.nunique())
    objective = MultiTaskObjective(model, config, people)
    shares = deal_rows(PEOPLE, PEOPLE + math.ceil(config.junk * PEOPLE), config.k, group.size)
    adam = torch.optim.Adam(model.parameters())
    return Trainer(model.train(), objective, adam, float, precision="fp32", group=group, shares=shares)


def looked(trainer: Trainer, config: TrainConfig, people: pd.DataFrame) -> dict[str, Tensor]:
    "The losses of the batch; their gradients are then where the parameters are."
    losses = trainer._losses(*batch(config, people))
    losses["total"].backward()
    return losses


def gradients(root: Path) -> dict[str, tuple[Tensor, dict[str, Tensor | None]]]:
    "Losses and gradients of each variant on one batch."
    people, found = load_dataset(root).train, {}
    for name, options in VARIANTS.items():
        config = TrainConfig(p=4, k=4, **SMALL | options)
        trainer = made(config, people, frozen())
        losses = looked(trainer, config, people)
        parameters = chain(trainer.model.named_parameters(), trainer.objective.named_parameters())
        found[name] = torch.stack([*losses.values()]).detach(), {n: p.grad for n, p in parameters}
    return found


def apart(
    found: dict[str, Tensor | None], right: dict[str, Tensor | None]
) -> tuple[float, float]:  # the largest difference of two numbers; the length of the difference, relative
    "How far two gradients are apart."
    assert [n for n in found if found[n] is None] == [n for n in right if right[n] is None]
    pairs = [(found[name], right[name]) for name in right if right[name] is not None]
    x, y = (torch.cat([tensor.flatten() for tensor in side]).double() for side in zip(*pairs, strict=True))
    return (x - y).abs().max().item(), ((x - y).norm() / y.norm()).item()


@pytest.mark.parametrize("size", NUMBERS)
def test_gradients_are_those_of_one_process(size, drawn_people, tmp_path):
    alone = gradients(drawn_people)
    for found in together(partial(gradients, drawn_people), size, tmp_path / "left"):
        assert isinstance(found, dict), found
        for name, (losses, right) in alone.items():
            assert torch.allclose(found[name][0], losses, rtol=1e-5), name
            assert max(apart(found[name][1], right)) <= 1e-5, name
        assert not found["hard, junk, names"][1]["heads.classify.8.weight"].any()  # the hat: known of nobody


class Numbers(FrozenProcesses):
    "What the others send is numbers only: the classic mistake."

    def all_gather(self, outputs: dict[str, Tensor], shares: Sequence[Tensor]) -> dict[str, Tensor]:
        everybody = super().all_gather({name: x.detach() for name, x in outputs.items()}, shares)
        mine = shares[self.rank]
        return {name: x.index_copy(0, mine, outputs[name].float()) for name, x in everybody.items()}


def mistaken(root: Path) -> dict[str, Tensor | None]:
    "The gradients of the report's variant, gathered as numbers."
    people, config = load_dataset(root).train, TrainConfig(p=4, k=4, **SMALL)
    trainer = made(config, people, Numbers("cpu"))
    looked(trainer, config, people)
    return {name: p.grad for name, p in trainer.model.named_parameters()}


def test_gathering_numbers_would_be_seen(drawn_people, tmp_path):
    right = gradients(drawn_people)["report"][1]
    (found, _) = together(partial(mistaken, drawn_people), 2, tmp_path / "left")
    right = {name: right[name] for name in found}
    assert apart(found, right)[1] > 0.4
    assert apart({name: 2 * x for name, x in found.items()}, right)[1] <= 1e-5  # it was half


def test_norms_are_shared_but_for_the_neck():
    model = build_model(size=(64, 32), neck=True)
    neck, parameters = model.embedding.neck, [*model.parameters()]
    share_norms(model)
    kinds = {type(m) for m in model.modules() if "BatchNorm" in type(m).__name__ and m is not neck}
    assert kinds == {nn.SyncBatchNorm} and model.embedding.neck is neck and isinstance(neck, nn.BatchNorm1d)
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
