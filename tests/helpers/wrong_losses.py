"""Wrong answers to exercises of lessons 08 and 09, by the mistake in them."""

from collections.abc import Callable

import numpy as np
import torch


def easy(positive: str, total: str) -> Callable:
    "Lesson 08's loss with another choice of positive, or another sum."

    def loss(x, pids, margin):
        d, same = torch.cdist(x, x), pids[:, None] == pids
        itself = torch.eye(len(pids), dtype=torch.bool)
        p = {
            "itself": d.masked_fill(~same, torch.inf).amin(1),
            "farthest": d.masked_fill(~same | itself, -torch.inf).amax(1),
            "nearest": d.masked_fill(~same | itself, torch.inf).amin(1),
        }[positive]
        n = d.masked_fill(same, torch.inf).amin(1)
        cost = (margin + p - n).clamp(min=0)[p.isfinite()]
        n = {"sum": 1, "mean": len(cost), "costly": max(1, int((cost > 0).sum()))}[total]
        return cost.sum() / n

    return loss


def triplets(positive: Callable, total: str) -> Callable:
    "Lesson 08's triplets with another choice of pairs, or another mean."

    def answer(x, pids, margin):
        d, same = torch.cdist(x, x), pids[:, None] == pids
        pair = positive(same, torch.eye(len(pids), dtype=torch.bool))
        cost = (margin + d[:, :, None] - d[:, None, :]).clamp(min=0)
        valid = cost[pair[:, :, None] & ~same[:, None, :]]
        means = {"share": (valid > 0).float().mean(), "share of all": (valid > 0).sum() / len(pids) ** 3}
        means |= {"mean": valid.mean(), "0 / 0": valid.sum() / (valid > 0).sum()}
        return means.get(total, valid.sum() / max(1, int((valid > 0).sum())))

    return answer


def hidden(loss: Callable) -> Callable:
    "The right number, from which no gradient reaches the embeddings."
    return lambda x, pids, margin: loss(x.detach(), pids, margin)


def weighed(
    half: Callable, absent: Callable = lambda losses: ~losses.isnan(), penalty: float = 1.0
) -> Callable:
    "Lesson 09's total with another factor, another treatment of absent tasks or another penalty."

    def total_of(losses, s, squared):
        here = absent(losses)
        losses, s = losses[here].nan_to_num(), s[here]
        return (half(squared[here]) * (-2 * s).exp() * losses + penalty * s).sum()

    return total_of


def third(powers: tuple[float, float], seen: Callable = lambda s: s, penalty: float = 1.0) -> Callable:
    "Lesson 09's eq. (3) with other powers, s hidden from the weights, or another penalty."
    return lambda losses, s: losses @ (-torch.tensor(powers) * seen(s)).exp() + penalty * s.sum()


def walk(
    first: int = 0, inside: float = 0.1, slope: Callable = lambda s, x: 1 - 2 * np.exp(-2 * s) * x
) -> Callable:
    "Lesson 09's descent that counts from another number, stops elsewhere or has another slope."

    def steps_needed(loss, rate):
        s, n = 0.0, first
        while abs(s - np.log(2 * loss) / 2) >= inside and n < 5000:
            s, n = s - rate * slope(s, loss), n + 1
        return n

    return steps_needed


LOSS_WRONG: dict[str, list[tuple[Callable, str]]] = {
    "08.1": [
        (triplets(lambda same, itself: same, "share"), "its own positive"),
        (triplets(lambda same, itself: ~itself, "share"), "no triplet costs"),
        (triplets(lambda same, itself: same & ~itself, "share of all"), "six of the eight"),
    ],
    "08.2": [
        (easy("nearest", "mean"), "the farthest positive"),
        (easy("farthest", "costly"), "0, 1, 1, 0"),
        (easy("farthest", "sum"), "their mean"),
        (hidden(easy("farthest", "mean")), "no gradient"),
    ],
    "08.3": [
        (triplets(lambda same, itself: same, "costly"), "itself is no positive"),
        (triplets(lambda same, itself: same & ~itself, "mean"), "divide by"),
        (triplets(lambda same, itself: same & ~itself, "0 / 0"), "not 0 / 0"),
        (hidden(triplets(lambda same, itself: same & ~itself, "costly")), "no gradient"),
    ],
    "08.4": [
        (easy("itself", "mean"), "0, 1, 1, 0"),
        (easy("farthest", "mean"), "not the anchor itself"),
        (easy("nearest", "sum"), "their mean"),
        (easy("nearest", "costly"), "their mean"),
        (hidden(easy("nearest", "mean")), "no gradient"),
    ],
    "09.1": [
        (weighed(lambda squared: 0.5), "weight 1, total 3"),
        (weighed(lambda squared: torch.ones(len(squared))), "has the ½"),
        (weighed(lambda squared: torch.where(squared, 0.5, 1.0), penalty=2.0), "log σ is added"),
        (
            weighed(
                lambda squared: torch.where(squared, 0.5, 1.0), lambda losses: torch.ones(len(losses)) > 0
            ),
            "is absent",
        ),
        (
            lambda x, s, q: torch.where(x.isnan(), 0.0, (q * -0.5 + 1) * (-2 * s).exp() * x + s).sum(),
            "not NaN",
        ),
    ],
    "09.2": [
        (lambda f, c: 1 / (c * np.e), "f stays"),
        (lambda f, c: 1 / (f * np.e), "c = 2"),
        (lambda f, c: 1 / (c * f), "zero at 1/e"),
        (lambda f, c: 0.0, "zero at 1/e"),
    ],
    "09.3": [
        (third((2.0, 1.0)), "the power 1 there"),
        (third((1.0, 2.0), seen=lambda s: s.detach()), "falls for ever"),
        (third((1.0, 2.0), penalty=0.0), "the power 1 there"),
        (third((1.0, 1.0)), "the power 2 there"),
    ],
    "09.4": [
        (walk(first=1), "no step"),
        (walk(inside=0.01), "look before you step"),
        (walk(slope=lambda s, x: 1 - np.exp(-2 * s) * x), "fall to"),
        (lambda loss, rate: int(abs(np.log(2 * loss) / 2) / rate), "fall to"),
    ],
}
