"""Wrong answers to exercises of lessons 01, 02 and 07, by the mistake in them."""

import re
from collections.abc import Callable

import numpy as np


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
