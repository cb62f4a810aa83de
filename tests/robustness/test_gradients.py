"""The gradients of several processes are those of one."""

import os
from functools import partial
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest
import torch
from several import SMALL, FrozenProcesses, frozen, together
from torch import Tensor, nn

from reid_course.data import ATTRIBUTES, NAMES, load_dataset
from reid_course.engine.processes import share_norms
from reid_course.learning import Config, State
from reid_course.model import build_model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked, and killed, as on POSIX")
NUMBERS = [2, pytest.param(4, marks=pytest.mark.deep)]


VARIANTS = {
    "report": {},
    "hard, junk, names": {
        **{"model": "convhead", "junk": 0.3, "identity": 1.0, "neck": True, "balance": 0.5},
        **{"mining": "hard", "form": "kendall"},
    },
    "attention, soft": {"model": "sa", "margin": "soft"},
    "re-ID alone": {"tasks": "reid", "mining": "semihard"},
}


def batch(config: Config, people: pd.DataFrame) -> tuple[Tensor, ...]:
    "ImageStore of noise with labels; some are unknown, and nobody's hat is known at all."
    chance = torch.Generator().manual_seed(1)
    m = config.p * config.k
    n = m + round(config.junk * m) + (config.junk > 0)  # no whole multiple of the processes
    images = torch.randint(0, 256, (n, 64, 32, 3), dtype=torch.uint8, generator=chance)
    targets = torch.stack([torch.randint(len(a.classes), (n,), generator=chance) for a in ATTRIBUTES], 1)
    targets[: m // 2 - 1, 0] = targets[:, NAMES.index("hat")] = -1
    pids = torch.tensor(people.pid.unique()[: config.p]).repeat_interleave(config.k)
    if config.junk > 0:
        targets[m:] = -1
        targets = torch.cat([targets, (torch.arange(n) >= m).long()[:, None]], 1)
    return images, targets, pids, torch.arange(config.p).repeat_interleave(config.k)


def gradients(root: Path) -> dict[str, tuple[Tensor, dict[str, Tensor | None]]]:
    "Losses and gradients of each variant on one batch."
    people, found = load_dataset(root).train, {}
    for name, options in VARIANTS.items():
        config = Config(p=4, k=4, **SMALL | options)
        state = State.new(config, torch.device("cpu"), people, frozen())
        losses = state.look(*batch(config, people))
        losses[-1].backward()
        parameters = chain(state.model.named_parameters(), state.weighting.named_parameters())
        found[name] = torch.stack(losses).detach(), {n: p.grad for n, p in parameters}
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
        assert found["hard, junk, names"][1]["heads.classify.8.weight"] is None  # the hat: known of nobody


class Numbers(FrozenProcesses):
    "What the others send is numbers only: the classic mistake."

    def gather(self, outputs: list[Tensor], shares: list[Tensor]) -> list[Tensor]:
        everybody = super().gather([x.detach() for x in outputs], shares)
        mine = shares[self.rank]
        return [x.index_copy(0, mine, own) for x, own in zip(everybody, outputs, strict=True)]


def mistaken(root: Path) -> dict[str, Tensor | None]:
    "The gradients of the report's variant, gathered as numbers."
    people, config = load_dataset(root).train, Config(p=4, k=4, **SMALL)
    state = State.new(config, torch.device("cpu"), people, Numbers("cpu"))
    state.look(*batch(config, people))[-1].backward()
    return {name: p.grad for name, p in state.model.named_parameters()}


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
    assert kinds == {nn.SyncBatchNorm} and model.embedding.neck is neck and type(neck) is nn.BatchNorm1d
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
