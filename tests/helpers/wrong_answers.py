"""Wrong answers to exercises of lessons 02, 07 and 08, by the mistake in them."""

from collections.abc import Callable

import numpy as np
import torch


def epoch(keep: Callable = lambda own, k: True, last: str = "fill", twice: bool = False) -> Callable:
    "Lesson 07's epoch with identities left out, another last batch, or images drawn anew each time."

    def pk_epoch(pids, p, k, rng):
        people = [w for w in rng.permutation(np.unique(pids)) if keep((pids == w).sum(), k)]
        people = people + people[: -len(people) % p] if last == "fill" else people
        groups = [people[i : i + p] for i in range(0, len(people), p)]
        groups = groups[:-1] if last == "drop" and len(groups[-1]) < p else groups
        draw = lambda own: rng.choice(own, k) if twice else np.resize(rng.permutation(own), k)  # noqa: E731
        return [np.concatenate([draw(np.flatnonzero(pids == w)) for w in group]).tolist() for group in groups]

    return pk_epoch


def named(*rules: str, over: Callable = lambda own, k: own >= k) -> Callable:
    "Lesson 07's faults with only some of the rules, or another reading of one."

    def faults(batches, pids, p, k):
        times = [np.unique(pids[b], return_counts=True)[1].tolist() for b in batches]
        rows = [np.unique(b, return_counts=True) for b in batches]
        twice = any(over((pids == pids[r]).sum(), k) for row, n in rows for r in row[n > 1])
        met = {w for b in batches for w in pids[b].tolist()}
        found = {"shape": any(t != [k] * p for t in times), "missing": met != set(pids.tolist())}
        return {name for name, broken in (found | {"repeated": twice}).items() if broken and name in rules}

    return faults


def gain(train, valid, predicted, known: int = 9):
    "Lesson 02's gain over the majority class of the first classes."
    return (predicted == valid).mean() - (valid == np.bincount(train[train <= known] + 1).argmax() - 1).mean()


def counts(pids):
    return np.unique(pids, return_counts=True)[1]


DATA_WRONG: dict[str, list[tuple[Callable, str]]] = {
    "02.1": [
        (lambda p, n: np.arange(len(p)) % n, "deal people, not images"),
        (lambda p, n: np.minimum(np.unique(p, return_inverse=True)[1], n - 1), "at most one person"),
        (lambda p, n: np.unique(p, return_inverse=True)[1] % n + 1, "numbered 0 to"),
    ],
    "02.2": [
        (lambda p, s, rng: rng.random(len(p)) < s, "draw identities, not images"),
        (lambda p, s, rng: np.isin(p, np.unique(p)[: round(s * len(np.unique(p)))]), "draw from rng"),
        (lambda p, s, rng: np.isin(p, rng.permutation(np.unique(p))[: int(s * len(p))]), "are held out"),
        (lambda p, s, rng: rng.permutation(np.unique(p))[: round(s * len(np.unique(p)))], "booleans"),
    ],
    "02.3": [
        (lambda r, shares: r + (1 - r) / 2, "six faces"),
        (lambda r, shares: r + (1 - r) / len(shares), "0.82"),
        (lambda r, shares: r + (1 - r) * max(shares), "0.82"),
        (lambda r, shares: r, "by chance"),
    ],
    "02.4": [
        (lambda t, v, p: gain(v, v, p), "counted on train"),
        (lambda t, v, p: (np.asarray(p) == v).mean(), "minus ⅓"),
        (lambda t, v, p: gain(t[t >= 0], v, p), "neither in train nor in valid"),
        (lambda t, v, p: gain(t[t >= 0], v[v >= 0], np.asarray(p)[v >= 0], 1), "random labels"),
    ],
    "07.1": [
        (lambda p: int((counts(p) * (counts(p) - 1) // 2 * (len(p) - counts(p))).sum()), "can be the anchor"),
        (lambda p: int((counts(p) ** 2 * (len(p) - counts(p))).sum()), "so 2"),
        (
            lambda p: len(counts(p)) * counts(p)[0] * (counts(p)[0] - 1) * (len(p) - counts(p)[0]) // 2,
            "unequal",
        ),
    ],
    "07.2": [
        (epoch(last="drop"), "never comes up"),
        (epoch(keep=lambda own, k: own >= k), "never comes up"),
        (epoch(last="short"), "places each"),
        (epoch(twice=True), "stands twice"),
    ],
    "07.3": [
        (named("shape", "missing", "repeated", over=lambda own, k: True), "one may stand twice"),
        (named("shape", "repeated"), "in no batch"),
        (named("shape", "missing"), "person 7 has three"),
        (named("missing", "repeated"), "shape"),
    ],
}


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
    ],
    "08.3": [
        (triplets(lambda same, itself: same, "costly"), "itself is no positive"),
        (triplets(lambda same, itself: same & ~itself, "mean"), "divide by"),
        (triplets(lambda same, itself: same & ~itself, "0 / 0"), "not 0 / 0"),
    ],
    "08.4": [
        (easy("itself", "mean"), "0, 1, 1, 0"),
        (easy("farthest", "mean"), "not the anchor itself"),
        (easy("nearest", "sum"), "their mean"),
        (easy("nearest", "costly"), "their mean"),
    ],
}
