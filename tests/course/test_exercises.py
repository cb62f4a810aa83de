"""Every exercise: its solution passes; its stub and three wrong answers fail, each with the hint for that mistake."""

import functools
import re
from collections.abc import Callable, Iterator

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from listing import NOTEBOOKS, label
from students import is_solution
from torch.nn import functional as F
from wrong_answers import DATA_WRONG
from wrong_fields import FIELDS_WRONG
from wrong_heads import HEADS_WRONG
from wrong_lookings import LOOKINGS_WRONG
from wrong_losses import LOSS_WRONG
from wrong_models import MODEL_WRONG
from wrong_networks import NETWORK_WRONG
from wrong_problems import PROBLEMS_WRONG
from wrong_searches import SEARCH_WRONG

from reid_course.course.exercises import CHECKS, first_failure


def by_check(wanted: bool) -> dict[str, tuple[str, str, str]]:
    "By exercise, of the solutions or of the readers' cells: the function's name, the cell's code, its lesson."
    found = {}
    for notebook in NOTEBOOKS:
        for cell in nbformat.read(notebook, as_version=4).cells:
            if cell.cell_type != "code" or is_solution(cell.source) != wanted:
                continue
            pattern = r'^check\("((?:\d\d|problems|start)\.\d+)", (\w+)\)'
            for exercise, name in re.findall(pattern, cell.source, re.M):
                assert exercise not in found, exercise
                found[exercise] = name, cell.source, label(notebook)
    return found


STUBS, SOLUTIONS = by_check(False), by_check(True)


def made(
    source: str,  # code of a cell
    name: str,
) -> Callable:
    "The function that a cell defines, with what lessons import."
    space = {
        "np": np,
        "pd": pd,
        "torch": torch,
        "nn": torch.nn,
        "F": F,
        "Tensor": torch.Tensor,
        "Callable": Callable,
        "Iterator": Iterator,
        "check": lambda exercise, answer: None,
    }
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


def ap_of(rows: list[tuple[np.ndarray, np.ndarray]], ties: str = "wrong", alone: float = np.nan) -> float:
    "mAP of lists (distances, matches) with another rule for ties, or for a query without a match."
    keys = {"wrong": lambda match: match, "file": np.zeros_like, "right": np.logical_not}[ties]
    ranks = [np.flatnonzero(m[np.lexsort((keys(m), row))]) + 1 for row, m in rows]
    return float(np.nanmean([np.mean(np.arange(1, len(r) + 1) / r) if len(r) else alone for r in ranks]))


def among(x: np.ndarray, pids: np.ndarray, itself: bool = False) -> list[tuple[np.ndarray, np.ndarray]]:
    "Each image's list among the others."
    keep = np.ones((len(pids),) * 2, bool) if itself else ~np.eye(len(pids), dtype=bool)
    return [(np.linalg.norm(x[k] - a, axis=1), pids[k] == p) for a, p, k in zip(x, pids, keep, strict=True)]


def across(d, q, g, c, e, junk: bool = True, own: str = "image", ties: str = "wrong") -> float:
    "Lesson 10's program with another mask."
    out = {"none": False, "image": (g == q[:, None]) & (e == c[:, None]), "camera": e == c[:, None]}[own]
    keep = np.broadcast_to(~(out | ((g == -1) & junk)), d.shape)
    return ap_of([(row[k], g[k] == p) for row, k, p in zip(d, keep, q, strict=True)], ties)


WRONG: dict[str, list[tuple[Callable, str]]] = {
    **DATA_WRONG,
    **FIELDS_WRONG,
    **LOSS_WRONG,
    **LOOKINGS_WRONG,
    **NETWORK_WRONG,
    **MODEL_WRONG,
    **HEADS_WRONG,
    **SEARCH_WRONG,
    **PROBLEMS_WRONG,
    "10.1": [
        (lambda x, p: ap_of(among(x, p, itself=True)), "not in its own gallery"),
        (lambda x, p: ap_of(among(x, p), alone=0), "leave it out"),
        (lambda x, p: ap_of(among(x, p), ties="file"), "wrong images come first"),
    ],
    "10.2": [
        (functools.partial(across, junk=False), "junk, pid -1"),
        (functools.partial(across, own="none"), "is no match"),
        (functools.partial(across, own="camera"), "it stays in the list"),
        (functools.partial(across, ties="file"), "all distances equal"),
    ],
    "10.3": [
        (lambda n, g, k: 1 - (1 - n / g) ** np.arange(1, k + 1), "¼, ½, ¾, 1"),
        (lambda n, g, k: np.minimum(1, n / g * np.arange(1, k + 1)), "no image is shown twice"),
        (lambda n, g, k: 1 - np.cumprod(1 - n / (g - np.arange(min(k, g - n + 1)))), "its last value"),
    ],
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a wrong answer may overflow
@pytest.mark.parametrize(
    "lesson, answer, hint", [(n, *wrong) for n, answers in WRONG.items() for wrong in answers]
)
def test_wrong_answer_gets_its_hint(lesson, answer, hint):
    assert hint in first_failure(lesson, answer)


def test_every_exercise_has_three_wrong_answers():
    assert {lesson: len(WRONG.get(lesson, [])) >= 3 for lesson in CHECKS} == dict.fromkeys(CHECKS, True)
