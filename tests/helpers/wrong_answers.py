"""Wrong answers to exercises of lessons 01, 02 and 07 to 09, by the mistake in them."""

import re
from collections.abc import Callable

import numpy as np
import torch


def epoch(
    keep: Callable = lambda own, k: True, last: str = "fill", twice: bool = False, fixed: str = ""
) -> Callable:
    "Lesson 07's epoch with identities left out, another last batch, images drawn anew, or no shuffle of some kind."

    def pk_epoch(pids, p, k, rng):
        people = np.unique(pids) if fixed == "people" else rng.permutation(np.unique(pids))
        people = [w for w in people if keep((pids == w).sum(), k)]
        people = people + people[: -len(people) % p] if last == "fill" else people
        groups = [people[i : i + p] for i in range(0, len(people), p)]
        groups = groups[:-1] if last == "drop" and len(groups[-1]) < p else groups
        deal = (lambda own: own) if fixed == "images" else rng.permutation
        draw = lambda own: rng.choice(own, k) if twice else np.resize(deal(own), k)  # noqa: E731
        return [np.concatenate([draw(np.flatnonzero(pids == w)) for w in group]).tolist() for group in groups]

    return pk_epoch


def named(*rules: str, over: Callable = lambda own, k: own >= k, places: Callable | None = None) -> Callable:
    "Lesson 07's faults with only some of the rules, or another reading of one."
    places = places or (lambda times, p, k: times != [k] * p)

    def faults(batches, pids, p, k):
        times = [np.unique(pids[b], return_counts=True)[1].tolist() for b in batches]
        rows = [np.unique(b, return_counts=True) for b in batches]
        twice = any(over((pids == pids[r]).sum(), k) for row, n in rows for r in row[n > 1])
        met = {w for b in batches for w in pids[b].tolist()}
        found = {"shape": any(places(t, p, k) for t in times), "missing": met != set(pids.tolist())}
        return {name for name, broken in (found | {"repeated": twice}).items() if broken and name in rules}

    return faults


def gain(train, valid, predicted, known: int = 9):
    "Lesson 02's gain over the majority class of the first classes."
    return (predicted == valid).mean() - (valid == np.bincount(train[train <= known] + 1).argmax() - 1).mean()


def pattern(expression: str, match: Callable = re.fullmatch) -> Callable:
    "Lesson 01's reading of a name by another pattern."

    def decode(name):
        found = match(expression, name)
        if found is None:
            raise ValueError(name)
        return int(found[1]), int(found[2])

    return decode


def unsound(whole: bool = True, above: bool = True, two: bool = True, values: bool = True) -> Callable:
    "Lesson 01's faulty rows with some of the rules."

    def faulty(direct, top, colours):
        bad = (direct < 1).any(1) | np.isnan(direct).any(1)
        bad |= above & (direct > top).any(1) | whole & (direct % 1 != 0).any(1)
        bad |= values & ~np.isin(colours, (1, 2)).all(1) | two & ((colours == 2).sum(1) > 1)
        return np.flatnonzero(bad).tolist()

    return faulty


def turned(pids, share, rng):
    "Lesson 02's held-out images, where the identities are a contiguous block that starts at random."
    people = np.unique(pids)
    return np.isin(pids, np.roll(people, rng.integers(len(people)))[: round(share * len(people))])


def counts(pids):
    return np.unique(pids, return_counts=True)[1]


DATA_WRONG: dict[str, list[tuple[Callable, str]]] = {
    "01.1": [
        (pattern(r"(\d+)_c(\d)", re.search), "the sign belongs to it"),
        (pattern(r"(-?\d+)_c(\d)", re.search), "the whole name must match"),
        (pattern(r"(-1|\d{4})_c([1-6])_\d+\.jpg"), "1501_c6s3_000451_03.jpg"),
        (pattern(r"(-1|\d+)_c([1-6])(_\d+|s\d+_\d+_\d+)\.jpg"), "how many digits"),
        (pattern(r"(-1|\d{4})_c([1-6]).*\.jpg"), "how many digits"),
        (pattern(r"(-1|(?!0000)\d{4})_c([1-6])(_\d+|s\d+_\d+_\d+)\.jpg"), "0000_c4"),
    ],
    "01.2": [
        (unsound(above=False), "above the tops"),
        (unsound(two=False), "two colours"),
        (unsound(values=False), "1 or 2"),
        (unsound(whole=False), "no whole number"),
        (lambda d, top, c: np.flatnonzero((c == 1).all(1)).tolist(), "without any colour"),
    ],
    "01.3": [
        (lambda f, t: (f == t).mean(), "not known"),
        (lambda f, t: (f == t)[t >= 0].mean(), "first per attribute"),
        (lambda f, t: (f == np.abs(t)).mean(), "no class 1"),
        (
            lambda f, t: np.mean(
                [(f == t)[:, i].sum() / max(1, (t[:, i] >= 0).sum()) for i in range(t.shape[1])]
            ),
            "left out of",
        ),
    ],
    "02.1": [
        (lambda p, n: np.arange(len(p)) % n, "deal people, not images"),
        (lambda p, n: np.minimum(np.unique(p, return_inverse=True)[1], n - 1), "at most one person"),
        (lambda p, n: np.unique(p, return_inverse=True)[1] % n + 1, "numbered 0 to"),
        (lambda p, n: p % n, "whatever the ids are"),
    ],
    "02.2": [
        (lambda p, s, rng: rng.random(len(p)) < s, "draw identities, not images"),
        (lambda p, s, rng: np.isin(p, np.unique(p)[: round(s * len(np.unique(p)))]), "draw from rng"),
        (lambda p, s, rng: np.isin(p, rng.permutation(np.unique(p))[: int(s * len(p))]), "are held out"),
        (lambda p, s, rng: rng.permutation(np.unique(p))[: round(s * len(np.unique(p)))], "booleans"),
        (turned, "neighbours in the order"),
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
        (epoch(fixed="images"), "some of an identity's images"),
        (epoch(fixed="people"), "shuffle the identities"),
    ],
    "07.3": [
        (named("shape", "missing", "repeated", over=lambda own, k: True), "one may stand twice"),
        (named("shape", "repeated"), "in no batch"),
        (named("shape", "missing"), "person 7 has three"),
        (named("missing", "repeated"), "shape"),
        (
            named("shape", "missing", "repeated", places=lambda t, p, k: (sum(t), len(t)) != (p * k, p)),
            "four places of 7",
        ),
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
