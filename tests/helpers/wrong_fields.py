"""Wrong answers to exercises of lessons 16, 17 and 18, by the mistake in them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.stats import ttest_1samp
from torch.nn.functional import normalize


def mirror(axis: int = 3, end: Callable = normalize, start: Callable = lambda z: z) -> Callable:
    "Lesson 16's embedding with another axis, another scale before the mean, or another after it."
    return lambda embed, images: end(start(embed(images)) + start(embed(images.flip(axis))))


def averaged(step: Callable, whole: Callable = torch.clone) -> Callable:
    "Lesson 16's moving average with another step, or another treatment of counters."

    def ema_step(average, weights, decay):
        mean = {n: step(average[n], w, decay) for n, w in weights.items() if w.is_floating_point()}
        return mean | {n: whole(w) for n, w in weights.items() if n not in mean}

    return ema_step


def lists(line: Callable, twice: bool = False) -> Callable:
    "Lesson 17's reader with another reading of a line's files."

    def read_lists(text):
        found = {}
        for query, _, files in (row.partition(":") for row in text.splitlines() if row):
            if query in found and not twice:
                raise ValueError(query)
            found[query] = line(files)
        return found

    return read_lists


def files(text: str) -> list[str]:
    return [file.strip() for file in text.split(",") if file.strip()]


def rows(first: int = 1, apart: bool = False, unknown: bool = False) -> Callable:
    "Lesson 17's table that counts otherwise, sorts names alone or lets unknown classes pass."

    def table_rows(paths, classes):
        if (classes < 0).any() and not unknown:
            raise ValueError
        names = [Path(path).name for path in paths]
        order = np.arange(len(names)) if apart else np.argsort(names)
        return [
            ",".join([n, *map(str, classes[i] + first)]) for n, i in zip(sorted(names), order, strict=True)
        ]

    return table_rows


def by_images(right, pids, groups):
    return {g: (right[groups == g].mean(), right[groups == g].std() / 9) for g in np.unique(groups)}


def rates(least: int = 5, ddof: int = 1) -> Callable:
    "Lesson 18's rates with another smallest group or another deviation."

    def group_rates(right, pids, groups):
        found = {}
        for g in np.unique(groups):
            own = [right[pids == p].mean() for p in np.unique(pids[groups == g])]
            if len(own) >= least:
                found[str(g)] = np.mean(own), np.std(own, ddof=ddof) / len(own) ** 0.5
        return found

    return group_rates


FIELDS_WRONG: dict[str, list[tuple[Callable, str]]] = {
    "16.1": [
        (lambda x, level: abs(x.mean(1)) > 2 * x.std(1, ddof=1) / x.shape[1] ** 0.5, "not 2 errors"),
        (lambda x, level: ttest_1samp(x, 0, axis=1, alternative="greater").pvalue < level / 2, "two-sided"),
        (lambda x, level: ttest_1samp(x, 0, axis=1).pvalue < 0.05, "at level 0.01"),
        (lambda x, level: ttest_1samp(x, 0, axis=1).pvalue >= level, "so it passes"),
    ],
    "16.2": [
        (mirror(end=lambda z: z / 2), "length 1 at the end"),
        (mirror(axis=2), "same embedding"),
        (mirror(start=normalize), "as they are"),
        (lambda embed, images: normalize(embed(images)), "same embedding"),
    ],
    "16.3": [
        (averaged(lambda a, w, d: (1 - d) * a + d * w), "0.9 · 1"),
        (averaged(lambda a, w, d: d * a + (1 - d) * w, whole=torch.Tensor.float), "whole number"),
        (averaged(lambda a, w, d: a.mul_(d).add_((1 - d) * w)), "stay as they are"),
        (averaged(lambda a, w, d: d * a + (1 - d) * w, whole=lambda w: w), "network's own tensor"),
    ],
    "17.1": [
        (lambda ranks, n, k: sum(i / r for i, r in enumerate(ranks, 1) if r < k) / n, "list of 3"),
        (lambda ranks, n, k: sum(i / r for i, r in enumerate(ranks, 1)) / n, "is lost"),
        (
            lambda ranks, n, k: (
                sum(i / r for i, r in enumerate(ranks, 1) if r <= k) / max(1, sum(r <= k for r in ranks))
            ),
            "is lost",
        ),
        (lambda ranks, n, k: sum(i / r for i, r in enumerate(ranks, 1) if r <= k) / len(ranks), "all n"),
    ],
    "17.2": [
        (lists(lambda text: text.split(",")), "without spaces"),
        (lists(lambda text: [file.strip() for file in text.split(",")]), "empty list"),
        (lists(files, twice=True), "must raise ValueError"),
    ],
    "17.3": [
        (rows(apart=True), "sort names and answers together"),
        (rows(first=0), "from 0"),
        (rows(unknown=True), "ValueError"),
        (lambda paths, classes: sorted(rows()(paths, classes), reverse=True), "sorted by name"),
    ],
    "18.1": [
        (lambda n, wanted, hit, false: hit, "so a half"),
        (lambda n, wanted, hit, false: wanted / (wanted + false * (n - wanted)), "half of the wanted"),
        (lambda n, wanted, hit, false: hit * wanted / (hit * wanted + false * (n - 1)), "can be wrong"),
    ],
    "18.2": [
        (by_images, "mean over people"),
        (rates(ddof=0), "n − 1"),
        (rates(least=1), "left out"),
    ],
    "18.3": [
        (lambda f, n: 1 - (1 - f.mean()) ** n, "average last"),
        (lambda f, n: np.minimum(1, n * f).mean(), "two strangers"),
        (lambda f, n: (1 - (1 - f) ** n).mean(), "log1p"),
    ],
}
