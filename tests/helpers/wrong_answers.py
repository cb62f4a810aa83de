"""Wrong answers to exercises of lessons 02 and 07, by the mistake in them."""

from collections.abc import Callable

import numpy as np


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
