"""Wrong answers to exercises of lessons 13 and 14, by the mistake in them."""

from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit


def above(
    factor: float | None = None, ddof: int = 1, of_mean: bool = True, alone: bool = False, side: int = 1
) -> Callable:
    "Lesson 13's interval with another factor, divisor or width, one for a single seed, or from the other side."

    def answer(accuracy, baseline):
        n = len(accuracy)
        if n < 2:
            return (accuracy.mean(0) > baseline) & alone
        width = accuracy.std(0, ddof=ddof) / (n**0.5 if of_mean else 1)
        return side * (accuracy.mean(0) - baseline) > (factor or stdtrit(n - 1, 0.975)) * width

    return answer


def needed(start: int = 2, freedom: int = 1, factor: float | None = None) -> Callable:
    "Lesson 13's number of seeds from another start, with other degrees of freedom, or one factor for all."

    def answer(sd, difference):
        n = start
        while (factor or stdtrit(max(n - freedom, 1), 0.975)) * sd / n**0.5 > difference:
            n += 1
        return n

    return answer


def pairs(key: Callable, order: Callable = sorted, refuse: bool = True) -> Callable:
    "Lesson 13's differences with another key, another order, or the last of two that should be refused."

    def answer(a, b):
        ours, theirs = ({key(run): run["mAP"] for run in runs} for runs in (a, b))
        if refuse and (len(ours), len(theirs)) != (len(a), len(b)):
            raise ValueError
        return np.array([ours[k] - theirs[k] for k in order(ours) if k in theirs])

    return answer


BOTH = lambda run: (run["split"], run["seed"])  # noqa: E731


def words(inside: Callable, least: float = 1e-9, outside: Callable = np.sum) -> Callable:
    "Lesson 14's evidence with another treatment of alternatives, of zeros, or of several attributes."

    def answer(probabilities, where):
        each = [inside(probabilities[name][:, classes]) for name, classes in where.items()]
        n = len(next(iter(probabilities.values())))
        return outside(np.log(np.maximum(each, least)), axis=0) if each else np.zeros(n)

    return answer


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x)


def near(query, gallery, k):
    return gallery[np.linalg.norm(gallery - query, axis=1).argsort()[:k]]


def met(replace: bool = False, anew: bool = True, strict: bool = False) -> Callable:
    "Lesson 14's share of accepted queries with images drawn twice, once for all queries, or a threshold left out."

    def answer(distances, threshold, n, rng):
        g = distances.shape[1]
        columns = np.stack([rng.choice(g, n, replace=replace) for _ in distances])
        columns = columns if anew else columns[:1].repeat(len(distances), 0)
        nearest = np.take_along_axis(distances, columns, 1).min(1)
        return ((nearest < threshold) if strict else (nearest <= threshold)).mean()

    return answer


ADD = lambda p: p.sum(1)  # noqa: E731

SEARCH_WRONG: dict[str, list[tuple[Callable, str]]] = {
    "13.1": [
        (above(alone=True), "a single seed has no interval"),
        (lambda accuracy, bar: (accuracy.mean(0) > bar) & (len(accuracy) > 1), "is not enough"),
        (above(factor=1.96), "Student's t asks for 4.30"),
        (above(ddof=0), "divided by n - 1"),
        (above(of_mean=False), "by √3"),
    ],
    "13.2": [
        (needed(start=1), "and never fewer"),
        (needed(factor=1.96), "three seeds"),
        (needed(freedom=0), "t has n - 1 degrees"),
    ],
    "13.3": [
        (pairs(BOTH, order=list), "seed is paired with seed"),
        (lambda a, b: np.array([x["mAP"] - y["mAP"] for x, y in zip(a, b, strict=False)]), "paired with"),
        (pairs(lambda run: run["seed"]), "on another split is no partner"),
        (pairs(BOTH, refuse=False), "must raise ValueError"),
        (pairs(lambda run: (run["seed"], run["split"])), "split, then seed"),
    ],
    "14.1": [
        (words(lambda p: p.prod(1)), "are alternatives"),
        (words(lambda p: p.max(1)), "are alternatives"),
        (words(ADD, outside=np.mean), "attributes must fit together"),
        (words(ADD, least=0), "at least 1e-9"),
        (lambda p, where: sum(np.log(p[a][:, c].sum(1)) for a, c in where.items()), "is 0"),
    ],
    "14.2": [
        (lambda q, g, k: np.vstack([q, near(q, g, k)]).mean(0), "length 1"),
        (lambda q, g, k: unit(near(q, g, k).mean(0)) if k else q, "itself is part of the mean"),
        (
            lambda q, g, k: unit(
                np.vstack([q, g[np.linalg.norm(g - q, axis=1).argsort()[::-1][:k]]]).mean(0)
            ),
            "nearest",
        ),
    ],
    "14.3": [
        (met(replace=True), "no image is drawn twice"),
        (met(anew=False), "draw anew for each query"),
        (met(strict=True), "are within 0.5"),
    ],
}
