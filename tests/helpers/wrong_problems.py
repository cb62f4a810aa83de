"""Wrong answers to the mixed problems, by the mistake in them."""

from collections.abc import Callable

import numpy as np
from scipy.stats import norm, t
from torch.nn import functional as F


def counted(ignored: Callable) -> Callable:
    "Problem 1 with another rule of what is ignored."

    def answer(query, gallery):
        (pid, camera), *others = [name.split("_")[:2] for name in (query, *gallery)]
        words = ("wrong", "right")
        return ["ignored" if ignored(p, c, pid, camera) else words[p == pid] for p, c in others]

    return answer


def sized(places: Callable) -> Callable:
    "Problem 2 with another number of places."

    def answer(height, width, layers):
        size = [height, width]
        for kernel, padding, stride in layers:
            size = [places(n, kernel, padding, s) for n, s in zip(size, stride, strict=True)]
        return tuple(size)

    return answer


def step(clear: bool = True, train: bool = True, known: bool = True, late: bool = False) -> Callable:
    "Problem 8 with something left out."

    def answer(net, optimizer, images, targets):
        if train:
            net.train()
        if clear:
            optimizer.zero_grad()
        wanted = targets if known else targets.clamp(min=0)
        cost = lambda: F.cross_entropy(net(images), wanted, ignore_index=-1)  # noqa: E731
        loss = cost()
        loss.backward()
        optimizer.step()
        return cost().item() if late else loss.item()

    return answer


def interval(factor: Callable, ddof: int = 1, root: bool = True) -> Callable:
    "Problem 7 with another half-width."

    def answer(a, b):
        d, n = a - b, len(a)
        return d.mean(), factor(n) * d.std(ddof=ddof) / (np.sqrt(n) if root else 1)

    return answer


def accepted(fits: Callable) -> Callable:
    "Problem 11 with another reading of who is let in."

    def answer(known, strangers, share):
        found = [x for x in known if fits(strangers, x, share)]
        return (max(found), (known <= max(found)).mean()) if found else (0.0, 0.0)

    return answer


def strangers(positive: Callable, negative: Callable) -> Callable:
    "Problem 5 with another rule of who may be what."

    def answer(pids):
        n, every = np.unique(pids[positive(pids)], return_counts=True)[1], negative(pids).sum()
        return int((n * (n - 1) * (every - n)).sum())

    return answer


def by_identity(ap, pids):
    return np.array([ap[pids == pid].mean() for pid in np.unique(pids)])


STUDENT = lambda n: t.ppf(0.975, n - 1)  # noqa: E731
PROBLEMS_WRONG: dict[str, list[tuple[Callable, str]]] = {
    "problems.1": [
        (counted(lambda p, c, pid, camera: p == "-1"), "at the query's camera is ignored"),
        (counted(lambda p, c, pid, camera: p == "-1" or c == camera), "at whichever camera"),
        (counted(lambda p, c, pid, camera: int(p) < 1 or (p, c) == (pid, camera)), "0000 is a distractor"),
    ],
    "problems.2": [
        (sized(lambda n, k, p, s: (n + 2 * p - k) // s), "halves both sides"),
        (sized(lambda n, k, p, s: -(-(n + 2 * p - k) // s) + 1), "halves both sides"),
        (lambda h, w, layers: sized(lambda n, k, p, s: (n + 2 * p - k) // s + 1)(w, h, layers)[::-1], "down"),
        (sized(lambda n, k, p, s: -(-n // s)), "no padding"),
    ],
    "problems.3": [
        (lambda p, y, m: ((p == y).mean() - m) / (1 - m), "-1 is unknown"),
        (lambda p, y, m: (p == y)[y >= 0].mean() - m, "half the gain"),
        (lambda p, y, m: max(0.0, ((p == y)[y >= 0].mean() - m) / (1 - m)), "negative gain"),
    ],
    "problems.4": [
        (lambda a, b: {"image", "identity"} if {*a} & {*b} else set(), "identity 2"),
        (lambda a, b: {"identity"} if {x for x, _ in a} & {x for x, _ in b} else set(), "one image"),
        (
            lambda a, b: {
                w for i, w in enumerate(("identity", "image")) if {x[i] for x in a} & {x[i] for x in b}
            },
            "are no identities",
        ),
    ],
    "problems.5": [
        (strangers(lambda x: x > -9, lambda x: x > -9), "may be two people"),
        (strangers(lambda x: x > 0, lambda x: x > 0), "negative of everybody"),
        (strangers(lambda x: x > 0, lambda x: x > -9), "the anchor too"),
    ],
    "problems.6": [
        (lambda loss, c, k: (np.log(c * loss), np.log(c * loss) + 1), "slope 0"),
        (
            lambda loss, c, k: (-np.log(k * c * loss) / k, 1 / k - np.log(k * c * loss) / k),
            "slope is 0 at s = 1",
        ),
        (lambda loss, c, k: (np.log(k * c * loss) / k, 1 / k), "plus s"),
    ],
    "problems.7": [
        (interval(lambda n: 1.0), "multiply it by"),
        (interval(lambda n: norm.ppf(0.975)), "3 degrees of freedom"),
        (interval(STUDENT, ddof=0), "n - 1"),
        (interval(STUDENT, root=False), "over √n"),
        (
            lambda a, b: (
                a.mean() - b.mean(),
                STUDENT(len(a)) * ((a.var(ddof=1) + b.var(ddof=1)) / len(a)) ** 0.5,
            ),
            "1 ± 0",
        ),
    ],
    "problems.8": [
        (step(clear=False), "gradients add up"),
        (step(train=False), "evaluation mode"),
        (step(known=False), "-1 is unknown"),
        (step(late=True), "after the step"),
    ],
    "problems.9": [
        (lambda d, p, w: np.argsort(d - w * p, kind="stable"), "by its logarithm"),
        (lambda d, p, w: np.argsort(d + w * np.log(p + 1e-300), kind="stable"), "most probable first"),
        (lambda d, p, w: np.argsort(-(w * np.log(p + 1e-9) - d), kind="stable"), "ranks last"),
        (lambda d, p, w: np.lexsort((-np.arange(len(d)), d - w * np.log(p + 1e-300))), "gallery's order"),
    ],
    "problems.10": [
        (lambda p, prior: p.mean(0), "not votes"),
        (lambda p, prior: p.prod(0) / p.prod(0).sum(), "the prior counts once"),
        (lambda p, prior: (x := p.prod(0) * prior ** (1.0 - len(p))) / x.sum(), "add logarithms"),
    ],
    "problems.11": [
        (accepted(lambda s, x, share: (s < x).mean() <= share), "exactly at the threshold"),
        (accepted(lambda s, x, share: (s <= x).mean() < share), "one stranger of four"),
        (
            lambda k, s, share: (np.quantile(s, share), (k <= np.quantile(s, share)).mean()),
            "one stranger of four",
        ),
    ],
    "problems.12": [
        (lambda ap, pids: ap.std(ddof=1) / np.sqrt(len(ap)), "say no more than one"),
        (lambda ap, pids: by_identity(ap, pids).std(ddof=1) / len(np.unique(pids)) ** 0.5, "weigh more"),
        (
            lambda ap, pids: by_identity(ap, pids).std() / len(np.unique(pids)) ** 0.5,
            "the usual standard error",
        ),
    ],
}
