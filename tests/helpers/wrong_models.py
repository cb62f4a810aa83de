"""Wrong answers to exercises of lessons 11 and 12, by the mistake in them."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from torch import nn


class Joined(nn.Module):
    "Lesson 11's heads with one mistake."

    def __init__(self, width: int, classes: list[int], dim: int, mistake: str):
        super().__init__()
        made = [nn.Linear(width, n) for n in classes]
        self.heads = made if mistake == "list" else nn.ModuleList(made)
        self.one = nn.Linear(width, max(classes)) if mistake == "one" else None
        norm = nn.Identity() if mistake == "norm" else nn.BatchNorm1d(dim)
        self.embedding = nn.Sequential(nn.Linear(width, dim), norm, nn.LeakyReLU())
        self.mistake = mistake

    def forward(self, v):
        if self.one is not None:
            return [self.one(v)[:, : head.out_features] for head in self.heads], self.embedding(v)
        logits = [head(v) for head in self.heads]
        return logits[:-1] if self.mistake == "short" else logits, self.embedding(v)


def joined(mistake: str) -> Callable:
    "A maker of such heads."
    return lambda width, classes, dim: Joined(width, classes, dim, mistake)


def embedded(
    evaluate: bool = True, back: str = "as before", gradient: bool = False, last: bool = True
) -> Callable:
    "Lesson 11's embeddings with a step left out."

    def embed_all(model, images, batch):
        before = model.training
        model.train(not evaluate)
        parts = [
            model(x)["embedding"] for x in images.split(batch) if last or len(x) == min(batch, len(images))
        ]
        model.train({"as before": before, "training": True, "evaluation": False}[back])
        found = torch.cat(parts)
        return found if gradient else found.detach()

    return embed_all


def reached(join: Callable, clear: bool = True, used: bool = True) -> Callable:
    "Lesson 11's shared parameters with another set operation, or with gradients that are left over."

    def shared(model, images):
        names = []
        model.zero_grad()
        for task in (lambda o: o["embedding"], lambda o: o["hat"]):
            if clear:
                model.zero_grad()
            task(model(images)).square().sum().backward()
            names.append({n for n, x in model.named_parameters() if x.grad is not None or not used})
        return join(*names)

    return shared


def stale(model, images):
    "Gradients of before count."
    names = []
    for task in ("embedding", "hat"):
        model(images)[task].square().sum().backward()
        names.append({n for n, x in model.named_parameters() if x.grad is not None})
    return set.intersection(*names)


def epoch(clear: bool = True, mode: bool = True, give: str = "mean", step: bool = True) -> Callable:
    "Lesson 12's epoch with a step left out."

    def train_epoch(model, optimizer, batches, loss_of):
        losses = []
        model.train(mode)
        for x, y in batches:
            loss = loss_of(model(x), y)
            if clear:
                optimizer.zero_grad()
            loss.backward()
            if step:
                optimizer.step()
            losses.append(loss.detach())
        return {"mean": torch.stack(losses).mean().item(), "tensor": losses[-1], "last": losses[-1].item()}[
            give
        ]

    return train_epoch


def chosen(by: Callable, both: bool = False) -> Callable:
    "Lesson 12's epoch, chosen another way."

    def honest(a, b):
        i = int(by(a, b))
        return i, a[i], max(b) if both else b[i]

    return honest


def snapshot(model: Callable, optimizer: Callable) -> Callable:
    "Lesson 12's snapshot, with other states."
    return lambda net, adam: {"model": model(net), "optimizer": optimizer(adam)}


WHOLE = lambda thing: deepcopy(thing.state_dict())  # noqa: E731

MODEL_WRONG: dict[str, list[tuple[Callable, str]]] = {
    "11.1": [
        (joined("list"), "parameters are registered"),
        (joined("one"), "parameters are registered"),
        (joined("norm"), "parameters are registered"),
        (joined("short"), "logits of 2, 4, 3 classes"),
    ],
    "11.2": [
        (embedded(evaluate=False), "the embeddings of evaluation mode"),
        (embedded(back="evaluation"), "put it back"),
        (embedded(back="training"), "it must stay so"),
        (embedded(gradient=True), "no gradient is needed"),
        (embedded(last=False), "expected 11 rows"),
    ],
    "11.3": [
        (reached(set.union), "re-ID sends it no gradient"),
        (reached(set.intersection, clear=False), "the attributes send it no gradient"),
        (reached(set.intersection, used=False), "sends it no gradient"),
        (stale, "send it no gradient"),
    ],
    "12.1": [
        (epoch(clear=False), "its own batch's gradient alone"),
        (epoch(mode=False), "need training mode"),
        (epoch(step=False), "no weight has changed"),
        (epoch(give="tensor"), "must be a float"),
        (epoch(give="last"), "mean of the four losses"),
    ],
    "12.2": [
        (chosen(lambda a, b: np.nanargmax(a + b)), "b has no vote"),
        (chosen(lambda a, b: np.nanargmax(a), both=True), "the same epoch"),
        (chosen(lambda a, b: len(a) - 1 - np.nanargmax(a[::-1])), "the earlier one"),
        (chosen(lambda a, b: np.argmax(a)), "never chosen"),
    ],
    "12.3": [
        (snapshot(lambda m: m.state_dict(), WHOLE), "the network's own"),
        (snapshot(lambda m: {n: x.detach().clone() for n, x in m.named_parameters()}, WHOLE), "running_mean"),
        (snapshot(WHOLE, lambda o: WHOLE(o) | {"state": {}}), "averages are missing"),
        (snapshot(lambda m: dict(m.state_dict()), WHOLE), "the network's own"),
        (snapshot(WHOLE, lambda o: o.state_dict()), "end elsewhere"),
    ],
}
