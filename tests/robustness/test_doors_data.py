"""Data, measures, search and submission refuse what they cannot use, at the door: one line, in the caller's words."""

from pathlib import Path

import numpy as np
import pytest
from doors import FRAME, NOWHERE, PIDS, SMALL, Wrong, check_refusal, numbered

from reid_course.data import ATTRIBUTES, load_dataset
from reid_course.metrics import attribute_accuracy, evaluate_embeddings, evaluate_retrieval, re_rank
from reid_course.minimarket import make_minimarket
from reid_course.model import build_model
from reid_course.retrieval import Gallery
from reid_course.split import most_frequent_class_accuracy, split_identities
from reid_course.submission import validate_submission, write_submission

FOUR = np.random.default_rng(0).random((4, 3))

DOORS: dict[str, list[Wrong]] = {
    "load_dataset": [(lambda: load_dataset(NOWHERE), "no-such-place")],
    "make_minimarket": [
        (lambda: make_minimarket(NOWHERE, 1), "n_identities is 1; expected 2 to 4999"),
        (lambda: make_minimarket(NOWHERE, 4, size=(4, 2)), "size is (4, 2); expected (height, width)"),
        (lambda: make_minimarket(NOWHERE, 4, layout="new"), "layout 'new' is unknown; expected one of"),
    ],
    "split_identities": [
        (lambda: split_identities(FRAME, 1.0), "valid is 1.0; expected a share"),
        (lambda: split_identities(FRAME, 0.5), "2 identities, 1 of them held out; expected at least 2"),
        (lambda: split_identities(FRAME.drop(columns="pid")), "no column 'pid'; expected"),
        (lambda: split_identities(FRAME, seed=-1), "seed is -1; expected 0 or more"),
        (lambda: split_identities(FRAME, seed=2**63), f"seed is {2**63}; expected 0 or more"),
    ],
    "most_frequent_class_accuracy": [
        (
            lambda: most_frequent_class_accuracy(FRAME.drop(columns="hat"), FRAME),
            "no column 'hat'; expected",
        ),
        (
            lambda: most_frequent_class_accuracy(FRAME, FRAME.drop(columns="age")),
            "no column 'age'; expected",
        ),
        (
            lambda: most_frequent_class_accuracy(FRAME.assign(hat=-2), FRAME),
            "hat of row 0 is -2; expected a class number from 0 to 1, or -1",
        ),
        (
            lambda: most_frequent_class_accuracy(FRAME.assign(hat="no"), FRAME),
            "the training's table: hat of row 0 is 'no'; expected a class number from 0 to 1",
        ),
        (
            lambda: most_frequent_class_accuracy(FRAME, FRAME.assign(age=[0, 99])),
            "age of row 1 is 99; expected a class number from 0 to 3",
        ),
    ],
    "attribute_accuracy": [
        (
            lambda: attribute_accuracy(np.zeros((2, 12), int), np.zeros((3, 12), int)),
            "2 predictions for 3 targets",
        ),
        (lambda: attribute_accuracy(np.zeros((2, 11), int), np.zeros((2, 11), int)), "(2, 11)"),
        (lambda: attribute_accuracy(np.full((2, 12), 99), np.zeros((2, 12), int)), "99"),
    ],
    "evaluate_retrieval": [
        (lambda: evaluate_retrieval(FOUR, PIDS, PIDS), "(4, 3)"),
        (lambda: evaluate_retrieval(np.full((4, 4), np.nan), PIDS, PIDS), "nan"),
        (lambda: evaluate_retrieval(np.ones((4, 4)), PIDS - 1, PIDS), "0"),
        (lambda: evaluate_retrieval(np.ones((4, 4)), PIDS, PIDS, max_rank=0), "max_rank is 0; expected 1"),
        (lambda: evaluate_retrieval(np.ones((4, 4)), PIDS, PIDS + 2), "none of the 4 queries has a match"),
    ],
    "evaluate_embeddings": [
        (lambda: evaluate_embeddings(FOUR, FOUR[:, :2], PIDS, PIDS), "(4, 3)"),
        (lambda: evaluate_embeddings(FOUR * np.inf, FOUR, PIDS, PIDS), "look for a diverged training"),
        (lambda: evaluate_embeddings(FOUR, FOUR, PIDS[:3], PIDS), "3"),
    ],
    "re_rank": [
        (lambda: re_rank(FOUR, FOUR[:, :2]), "(4, 3)"),
        (lambda: re_rank(FOUR, FOUR, k1=0), "k1 is 0"),
        (lambda: re_rank(FOUR, FOUR, lam=2.0), "lam is 2.0; expected a number from 0 to 1"),
    ],
    "Gallery": [
        (lambda: Gallery(NOWHERE), "no-such-place"),
        (lambda: Gallery().search(FOUR[0]), "the gallery is empty"),
        (lambda: filled().search(FOUR[0, :2]), "the query has shape (2,); expected (3,)"),
        (lambda: filled().search(FOUR[0], top=0), "top is 0; expected at least 1"),
        (lambda: filled().search(FOUR[0], top=1.5), "top is 1.5; expected at least 1, whole"),
        (lambda: filled().search([1, [2]]), "the query is no array of numbers ("),
        (lambda: filled().search([1, 2]), "the query has shape (2,); expected (3,)"),
        (lambda: filled().search(FOUR[0] * np.nan), "the query is not finite"),
        (lambda: filled().search(where={"hat": "blue"}), "hat cannot be 'blue'; expected no, yes"),
        (lambda: filled().search(where={"hat": 5}), "hat cannot be 5; expected no, yes"),
        (lambda: filled().search(where=["hat"]), "the conditions are a list; expected a dict from"),
        (lambda: Gallery().add(FOUR, FRAME), "have 2 and 4 rows; expected the same"),
        (lambda: Gallery().add(FOUR[0], FRAME), "embeddings have shape (3,); expected (n, d)"),
        (lambda: Gallery().add([[1, 2], [3]], FRAME), "an embedding is no array of numbers ("),
        (lambda: Gallery().add(FOUR[:2] * np.nan, FRAME), "an embedding is not finite"),
        (lambda: Gallery().add(FOUR[:2], FRAME, {"hat": [[1, 0], [1]]}), "of hat is no array of numbers ("),
        (lambda: Gallery().add(FOUR[:2], FRAME, {"hat": 1}), "probabilities of 'hat' are no attribute's"),
        (lambda: Gallery().add(FOUR[:2], FRAME, {"hat": [[1.1, 0]] * 2}), "of hat is 1.1; expected 0 to 1"),
        (lambda: Gallery().add(FOUR[:2], FRAME, {"hat": [[-1, 2]] * 2}), "of hat is -1; expected 0"),
        (lambda: Gallery().add(FOUR[:2], FRAME, {"hat": [[np.nan, 1]] * 2}), "of hat is not finite"),
    ],
    "write_submission": [
        (lambda: written(top=0), "top is 0; expected 1 or more"),
        (lambda: written(threshold=-1), "threshold is -1; expected a junk score, 0 or more"),
        (lambda: written(threshold=0), str(NOWHERE)),  # a threshold of 0 is one; what is wrong comes later
        (lambda: written(threshold=np.nan), "threshold is nan; expected a junk score, 0 or more"),
    ],
    "validate_submission": [(lambda: validate_submission(NOWHERE, NOWHERE), "no-such-place")],
}


def filled() -> Gallery:
    "A gallery of two pictures."
    gallery = Gallery()
    gallery.add(FOUR[:2], FRAME, {a.name: np.full((2, len(a.classes)), 0.5) for a in ATTRIBUTES})
    return gallery


def written(**options: object) -> Path:
    "A submission of an untrained network on nothing."
    return write_submission(build_model(**SMALL), NOWHERE, NOWHERE, **options)


CASES = numbered(DOORS)


@pytest.mark.parametrize(("call", "said"), CASES.values(), ids=CASES)
def test_wrong_values_are_refused_in_one_line(call, said):
    check_refusal(call, said)


def test_every_promised_name_has_its_cases():
    promised = """load_dataset make_minimarket split_identities most_frequent_class_accuracy attribute_accuracy
        evaluate_retrieval evaluate_embeddings re_rank Gallery write_submission validate_submission"""
    assert set(promised.split()) == set(DOORS)
