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
