"""Every exercise: its solution passes; its stub and three wrong answers fail, each with the hint for that mistake."""

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from listing import NOTEBOOKS, label
from students import is_solution
from torch.nn import functional as F
from wrong_answers import epoch, gain, named

from reid_course.course.exercises import CHECKS, first_failure


def by_check(wanted: bool) -> dict[str, tuple[str, str, str]]:
    "By exercise, of the solutions or of the readers' cells: the function's name, the cell's code, its lesson."
    found = {}
    for notebook in (path for path in NOTEBOOKS if path.stem != "start"):  # which shows how one is checked
        for cell in nbformat.read(notebook, as_version=4).cells:
            if cell.cell_type != "code" or is_solution(cell.source) != wanted:
                continue
            for exercise, name in re.findall(r'^check\("(\d\d\.\d)", (\w+)\)', cell.source, re.M):
                assert exercise not in found, exercise
                found[exercise] = name, cell.source, label(notebook)
    return found


STUBS, SOLUTIONS = by_check(False), by_check(True)


def made(
    source: str,  # code of a cell
    name: str,
) -> Callable:
    "The function that a cell defines, with what lessons import."
    space = {"np": np, "torch": torch, "F": F, "Iterator": Iterator, "check": lambda exercise, answer: None}
    exec(source, space)
    return space[name]


def test_every_exercise_stands_in_its_lesson_with_a_stub_and_a_solution():
    assert sorted(STUBS) == sorted(SOLUTIONS) == sorted(CHECKS)
    for exercise, (name, _, lesson) in STUBS.items():
        assert lesson == exercise.partition(".")[0]
        assert SOLUTIONS[exercise][0] == f"{name}_solution" and SOLUTIONS[exercise][2] == lesson


def test_solutions_are_folded_in_jupyterlab_and_on_the_site():
    for notebook in NOTEBOOKS:
        for cell in nbformat.read(notebook, as_version=4).cells:
            if is_solution(cell.source):
                assert cell.metadata.get("jupyter", {}).get("source_hidden"), notebook.name
                assert "#| code-fold: true" in cell.source, notebook.name


@pytest.mark.parametrize("exercise", CHECKS)
def test_solution_passes_and_stub_fails(exercise):
    (name, source, _), (solution, solved, _) = STUBS[exercise], SOLUTIONS[exercise]
    assert first_failure(exercise, made(solved, solution)) == ""
    assert "...  # yours" in source and "not written yet" in first_failure(exercise, made(source, name))


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


def chunked(weight: Callable, clear: bool = True) -> Callable:
    "Lesson 12's gradient with another weight of each part."

    def accumulate(model, images, targets, parts):
        if clear:
            model.zero_grad()
        for x, y in zip(images.chunk(parts), targets.chunk(parts), strict=True):
            (F.cross_entropy(model(x), y) * weight(len(y), len(targets), parts)).backward()

    return accumulate


def fitted(copy: Callable) -> Callable:
    "Lesson 11's copy, done another way."

    def copy_what_fits(source, target):
        fits = [n for n in source if n in target and source[n].shape == target[n].shape]
        copy(SimpleNamespace(source=source, target=target, fits=fits))
        return fits

    return copy_what_fits


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


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x)


def near(query, gallery, k):
    return gallery[np.linalg.norm(gallery - query, axis=1).argsort()[:k]]


def counts(pids):
    return np.unique(pids, return_counts=True)[1]


def ranked(distances, queries, gallery):
    return gallery[distances.argsort(1, kind="stable")] == queries[:, None]


def first(right):
    n = right.sum(1)
    return (right & (np.arange(right.shape[1]) < n[:, None])).sum(1) / np.maximum(n, 1)


FILES = lambda text: [file.strip() for file in text.split(",") if file.strip()]  # noqa: E731


def less(g: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    "A gradient without its part along another."
    return g - (g @ h) / (h @ h) * h


def operated(cut: Callable, always: bool = False) -> Callable:
    "Surgery that cuts in some way, where gradients conflict or always."
    return lambda g, h: sum(cut(g, h)) if always or g @ h < 0 else g + h


WRONG: dict[str, list[tuple[Callable, str]]] = {
    "01.1": [
        (lambda p, c, n: f"{p}_c{c}_{n}.jpg", "gave '2_c1"),
        (lambda p, c, n: f"{p:04d}_c{c}_{n}.jpg", "gave '0002_c1_16620005"),
        (lambda p, c, n: f"{p:04d}_c{c}_{n:09d}.jpg", "junk is -1"),
    ],
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
    "04.1": [
        (lambda layers: sum(k for k, _ in layers), "its size minus 1"),
        (lambda layers: 1 + sum(k - 1 for k, _ in layers), "two input pixels wide"),
        (
            lambda layers: (
                1 + sum((k - 1) * np.prod([s for _, s in layers[: i + 1]]) for i, (k, _) in enumerate(layers))
            ),
            "its own kernel",
        ),
    ],
    "05.1": [
        (
            lambda z, t, s: F.cross_entropy(z, t, label_smoothing=s, reduction="sum"),
            "the mean over the images",
        ),
        (
            lambda z, t, s: (
                -(
                    (1 - s - s / (z.shape[1] - 1)) * z.log_softmax(1).gather(1, t[:, None])[:, 0]
                    + s / (z.shape[1] - 1) * z.log_softmax(1).sum(1)
                ).mean()
            ),
            "spread over all c classes",
        ),
        (
            lambda z, t, s: (
                -(
                    (1 - s) * z.softmax(1).log().gather(1, t[:, None])[:, 0] + s * z.softmax(1).log().mean(1)
                ).mean()
            ),
            "in one step",
        ),
    ],
    "06.1": [
        (lambda q, k, v: (q @ k.T).softmax(1) @ v, "divided by √d"),
        (lambda q, k, v: (q @ k.T / 4).softmax(0) @ v, "add up to 1"),
        (lambda q, k, v: (q @ k.T / 16).softmax(1) @ v, "divided by √d, once"),
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
    "08.1": [
        (easy("itself", "mean"), "0, 1, 1, 0"),
        (easy("farthest", "mean"), "not the anchor itself"),
        (easy("nearest", "sum"), "their mean"),
        (easy("nearest", "costly"), "their mean"),
    ],
    "09.1": [
        (lambda g, h: g + h, "as it was"),
        (operated(lambda g, h: (less(g, h), less(h, g)), always=True), "no surgery"),
        (operated(lambda g, h: (less(g, h), less(h, less(g, h)))), "as it was"),
        (operated(lambda g, h: (g - (g @ h) / h.norm() * h, h - (g @ h) / g.norm() * g)), "squared length"),
    ],
    "10.1": [
        (lambda d, q, g: float((g[:1] == q[0]).mean()), "½"),
        (lambda d, q, g: float((g[: (g == q[0]).sum()] == q[0]).mean()), "sort by distance first"),
        (lambda d, q, g: float(first(ranked(d, q, g)).mean()), "leave it out"),
    ],
    "11.1": [
        (fitted(lambda o: o.target.update(o.source)), "keep its own names"),
        (fitted(lambda o: o.target.update({n: o.source[n] for n in o.fits})), "write into the tensor"),
        (fitted(lambda o: None), "should have been copied"),
    ],
    "12.1": [
        (chunked(lambda n, total, parts: n / total, clear=False), "must be cleared"),
        (chunked(lambda n, total, parts: 1.0), "half of each part"),
        (chunked(lambda n, total, parts: 1 / parts), "number of images"),
    ],
    "14.1": [
        (lambda q, g, k: np.vstack([q, near(q, g, k)]).mean(0), "length 1"),
        (lambda q, g, k: unit(near(q, g, k).mean(0)) if k else q, "itself is part of the mean"),
        (
            lambda q, g, k: unit(
                np.vstack([q, g[np.linalg.norm(g - q, axis=1).argsort()[::-1][:k]]]).mean(0)
            ),
            "nearest",
        ),
    ],
    "17.1": [
        (lists(lambda text: text.split(",")), "without spaces"),
        (lists(lambda text: [file.strip() for file in text.split(",")]), "empty list"),
        (lists(FILES, twice=True), "must raise ValueError"),
    ],
}


@pytest.mark.parametrize(
    "lesson, answer, hint", [(n, *wrong) for n, answers in WRONG.items() for wrong in answers]
)
def test_wrong_answer_gets_its_hint(lesson, answer, hint):
    assert hint in first_failure(lesson, answer)


def test_every_exercise_has_three_wrong_answers():
    assert {lesson: len(WRONG.get(lesson, [])) >= 3 for lesson in CHECKS} == dict.fromkeys(CHECKS, True)
