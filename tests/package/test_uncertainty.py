"""The learned weights refuse what is no loss; the losses of both tasks against plain sums."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from reid_course.data import JUNK, MARKET
from reid_course.engine.config import TrainConfig
from reid_course.errors import ReidError
from reid_course.triplet import triplet_loss
from reid_course.uncertainty import MultiTaskObjective, UncertaintyWeighting

ASKED = tuple(a for a in MARKET if a.name in ("gender", "hat"))
PEOPLE = pd.DataFrame({a.name: [0, 0, 0, 1, 1, 0, 0, -1] for a in ASKED} | {"pid": [1, 1, 2, 2, 3, 3, 4, 4]})


def test_refusal_names_the_loss():
    with pytest.raises(ReidError, match=r"^loss_id "):
        UncertaintyWeighting()(torch.tensor(1.0), torch.ones(2))


def network(*schema, embedding: bool = True) -> SimpleNamespace:
    "What an objective asks of one: its schema and, of four people, who is in a picture."
    head = SimpleNamespace(classify_identity=torch.nn.Linear(3, 4).requires_grad_(False))
    return SimpleNamespace(schema=schema, embedding=head if embedding else None)


def batch(*schema, junk: int = 0) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    "Outputs and targets of eight pictures of people and some of junk."
    rng, n = torch.Generator().manual_seed(0), 8 + junk
    outputs = {a.name: torch.randn(n, len(a.classes), generator=rng) for a in schema}
    outputs["embedding"] = torch.randn(n, 3, generator=rng)
    pids = torch.tensor(PEOPLE.pid)
    answers = torch.tensor([*PEOPLE[[a.name for a in ASKED]].to_numpy().tolist(), *[[-1, -1]] * junk])
    if JUNK in schema:
        answers = torch.cat([answers, (torch.arange(n) >= 8).long()[:, None]], 1)
    return outputs, {"attributes": answers, "pids": pids, "labels": pids - 1}


def losses(config: TrainConfig, schema=ASKED, junk: int = 0, **network_has) -> dict[str, float]:
    objective = MultiTaskObjective(network(*schema, **network_has), config, PEOPLE)
    return {name: loss.item() for name, loss in objective(*batch(*schema, junk=junk)).items()}


def entropies(schema=ASKED, junk: int = 0, weights: dict | None = None) -> float:
    "The mean of the cross-entropies of people's attributes; junk is none of them."
    outputs, targets = batch(*schema, junk=junk)
    found = [
        F.cross_entropy(outputs[a.name], y, (weights or {}).get(a.name), ignore_index=-1)
        for a, y in zip(schema, targets["attributes"].unbind(1), strict=True)
        if a != JUNK
    ]
    return (sum(found) / len(found)).item()


def test_a_task_alone_is_its_loss():
    outputs, targets = batch(*ASKED)
    triplets = triplet_loss(outputs["embedding"], targets["pids"], 0.3).item()
    assert entropies() > 0.1 and triplets > 0.1
    one = losses(TrainConfig(tasks="attributes"))
    assert one == pytest.approx({"loss_ar": entropies(), "loss_id": 0, "total": entropies()})
    other = losses(TrainConfig(tasks="reid", margin=0.3))
    assert other == pytest.approx({"loss_ar": 0, "loss_id": triplets, "total": triplets})
    both = losses(TrainConfig(form="kendall"))
    assert both == pytest.approx(
        {"loss_ar": entropies(), "loss_id": triplets, "total": entropies() + 0.5 * triplets}
    )


@pytest.mark.parametrize("mining, margin", [("all", "soft"), ("hard", 0.5), ("semihard", 0.2)])
def test_the_triplets_are_those_asked_for(mining, margin):
    outputs, targets = batch(*ASKED, junk=2)
    expected = triplet_loss(outputs["embedding"][:8], targets["pids"], margin, mining).item()
    found = losses(TrainConfig(tasks="reid", mining=mining, margin=margin), junk=2)
    assert found["loss_id"] == pytest.approx(expected)


def test_an_identity_loss_is_added():
    config = TrainConfig(tasks="reid", identity_weight=0.25, identity_smoothing=0.2)
    outputs, targets = batch(*ASKED)
    model = network(*ASKED)
    logits = model.embedding.classify_identity(outputs["embedding"])
    named = F.cross_entropy(logits, targets["labels"], label_smoothing=0.2)
    alone = triplet_loss(outputs["embedding"], targets["pids"], 0.3)
    found = MultiTaskObjective(model, config, PEOPLE)
    both = {name: loss.item() for name, loss in found(outputs, targets).items()}
    parts = {"loss_id": alone.item(), "loss_identity": 0.25 * named.item()}
    assert both == pytest.approx({"loss_ar": 0, "total": sum(parts.values())} | parts)
    del targets["labels"]
    assert found(outputs, targets)["total"].item() == pytest.approx(alone.item())
    assert losses(config, embedding=False)["loss_id"] == pytest.approx(alone.item())


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_rare_classes_cost_more_and_junk_is_not_rare(power):
    schema, counts = (*ASKED, JUNK), torch.tensor([5.0, 2.0])
    rare = counts**-power
    rare = rare * 7 / (rare * counts).sum()
    weights = {a.name: rare for a in ASKED}
    config = TrainConfig(tasks="attributes", class_weight_power=power)
    outputs, targets = batch(*schema, junk=3)
    junk = F.cross_entropy(outputs[JUNK.name], targets["attributes"][:, -1]).item()  # weighed alike
    ar = entropies(schema, 3, weights)
    found = losses(config, schema, junk=3)
    assert found == pytest.approx({"loss_ar": ar, "loss_junk": junk, "loss_id": 0, "total": ar + junk})
    assert losses(config)["loss_ar"] == pytest.approx(entropies(weights=weights))
    made = MultiTaskObjective(network(*schema), config, PEOPLE).class_weights
    assert made is None if power == 0 else [len(w) for w in made] == [2, 2]


def test_state_tells_the_weights():
    objective = MultiTaskObjective(network(*ASKED), TrainConfig(), PEOPLE)
    objective.weighting.log_sigma_ar.data.fill_(math.log(2))
    assert objective.state() == pytest.approx({"log_sigma_ar": math.log(2), "log_sigma_id": 0.0})


@pytest.mark.parametrize("tasks", ["attributes", "reid"])
def test_a_task_alone_is_not_weighted(tasks):
    objective = MultiTaskObjective(network(*ASKED), TrainConfig(tasks=tasks), PEOPLE)
    objective.weighting.log_sigma_ar.data.fill_(1.0)
    objective.weighting.log_sigma_id.data.fill_(1.0)
    found = objective(*batch(*ASKED))
    assert found["total"].item() == pytest.approx((found["loss_ar"] + found["loss_id"]).item())
