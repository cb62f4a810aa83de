"""Wrong answers to exercises of lessons 05 and 06, by the mistake in them."""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F


def costs(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    "Cross-entropy of each image; 0 where the label is unknown."
    return F.cross_entropy(z, y, ignore_index=-1, reduction="none")


def recalls(classes: np.ndarray, labels: np.ndarray, over: Callable) -> float:
    return float(np.mean([(classes[labels == c] == c).mean() for c in over(classes, labels)]))


def means(logits, targets, keep: Callable = lambda y: True) -> list[torch.Tensor]:
    "The attributes' means; of an attribute without a label it is 0."
    pairs = zip(logits, targets.T, strict=True)
    return [costs(z, y).sum() / (y >= 0).sum().clamp(min=1) for z, y in pairs if keep(y)]


def folded(scale: Callable, shift: Callable, place: Callable = copy.deepcopy) -> Callable:
    "A fold with another scale (of variance and eps) or shift (of bias, mean and scale)."

    def fold(norm, dense):
        both = place(dense)
        by = norm.weight * scale(norm.running_var, norm.eps)
        with torch.no_grad():
            both.bias.copy_(dense.bias + dense.weight @ shift(norm.bias, norm.running_mean, by))
            both.weight.copy_(dense.weight * by)
        return both

    return fold


def root(variance, eps):
    return (variance + eps).rsqrt()


def whole(bias, mean, by):
    return bias - mean * by


def heads_of(
    axis: int = -1,
    root: Callable = lambda d, heads: (d / heads) ** 0.5,
    columns: Callable = lambda x, heads: x.unflatten(2, (heads, -1)).transpose(1, 2),
) -> Callable:
    "Attention with another axis of the softmax, another root, or other columns of a head."

    def attend(x, query, key, value, heads):
        q, k, v = (columns(x @ m, heads) for m in (query, key, value))
        weights = (q @ k.mT / root(x.shape[2], heads)).softmax(axis)
        return (weights @ v).transpose(1, 2).flatten(2), weights

    return attend


HEADS_WRONG: dict[str, list[tuple[Callable, str]]] = {
    "05.1": [
        (lambda z, y: -z.log_softmax(1)[torch.arange(len(y)), y].mean(), "index -1 is the last class"),
        (lambda z, y: costs(z, y).mean(), "not by n"),
        (lambda z, y: F.cross_entropy(z, y, ignore_index=-1), "not 0 / 0"),
        (lambda z, y: costs(z, y).sum() / (y >= 0).sum() if (y >= 0).any() else 0.0, "must be a tensor"),
        (lambda z, y: costs(z.softmax(1).log(), y).sum() / (y >= 0).sum().clamp(min=1), "in one step"),
    ],
    "05.2": [
        (lambda p, y: (p == y)[y >= 0].mean(), "mean 0.5"),
        (
            lambda p, y: np.mean([(y[p == c] == c).mean() if (p == c).any() else 0 for c in set(y)]),
            "mean 0.5",
        ),
        (
            lambda p, y: np.sum([(p[y == c] == c).mean() for c in set(y)]) / len(set(y) | set(p)),
            "not over those predicted",
        ),
        (lambda p, y: recalls(p, y, lambda p, y: np.unique(y)), "counts nowhere"),
    ],
    "05.3": [
        (lambda z, y: sum(means(z, y)), "the mean over the attributes"),
        (lambda z, y: sum(costs(*one).mean() for one in zip(z, y.T, strict=True)) / len(z), "known labels"),
        (
            lambda z, y: sum(costs(*one).sum() for one in zip(z, y.T, strict=True)) / (y >= 0).sum(),
            "as much as one with six",
        ),
        (lambda z, y: sum(means(z, y)) / len(z), "neither above nor below"),
        (lambda z, y: sum(means(z, y, lambda y: (y >= 0).any())), "the mean over the attributes"),
    ],
    "05.4": [
        (folded(root, whole, lambda dense: dense), "return a new"),
        (folded(root, lambda bias, mean, by: bias), "a new bias"),
        (folded(lambda variance, eps: variance.rsqrt(), whole), "add eps"),
        (
            folded(lambda variance, eps: 1 / (variance + eps), lambda bias, mean, by: bias - mean * by),
            "a new bias",
        ),
    ],
    "06.1": [
        (heads_of(axis=-2), "must add up to 1"),
        (heads_of(root=lambda d, heads: d), "divide by the root of 6"),
        (heads_of(root=lambda d, heads: d**0.5), "its own width"),
        (
            heads_of(columns=lambda x, heads: x.unflatten(2, (-1, heads)).permute(0, 3, 1, 2)),
            "neighbouring columns",
        ),
    ],
    "06.2": [
        (lambda w: (-(w * w.log()).sum(-1)).exp().mean((0, 1)), "adds 0, not NaN"),
        (lambda w: torch.special.entr(w).sum(-1).mean((0, 1)), "even weights listen to all 4"),
        (lambda w: torch.special.entr(w).sum(-1).mean((0, 1)).exp(), "exp before the mean"),
        (lambda w: torch.special.entr(w).sum(-2).exp().mean((0, 1)), "whoever listens"),
    ],
    "06.3": [
        (lambda q, k, v: (q @ k.T / 4).softmax(0) @ v, "add up to 1"),
        (lambda q, k, v: (q @ k.T / 16).softmax(1) @ v, "the root of d, once"),
        (lambda q, k, v: (q @ k.T / 4).exp() / (q @ k.T / 4).exp().sum(1, keepdim=True) @ v, "no numbers"),
    ],
}
