"""The split against a plain version: who is held out, and what a guess is worth."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from support import refusal

from reid_course.data import ATTRIBUTES
from reid_course.split import most_frequent_class_accuracy, split_identities

NAMES = [a.name for a in ATTRIBUTES]


def pictures(people: int, images: int) -> pd.DataFrame:
    "A table with everybody's pictures in turn, a distractor and a junk image between them."
    pids = [*range(1, people + 1)] * images
    pids[people:people] = [0, -1]
    return pd.DataFrame(
        {"pid": pids, "path": [f"{i}.jpg" for i in range(len(pids))]}, index=range(5, 5 + len(pids))
    )


@pytest.mark.parametrize(
    "people, valid, held", [(10, 0.3, 3), (10, 0.25, 2), (3, 0.1, 1), (3, 0.33, 1), (7, 0.5, 4), (9, 0, 0)]
)
def test_people_are_held_out_not_pictures(people, valid, held):
    frame = pictures(people, 4)
    whom = set()
    for seed in range(30):
        train, out = split_identities(frame, valid, seed)
        kept = np.random.default_rng(seed).permutation(range(1, people + 1))[:held].tolist()
        rows = list(frame.itertuples(index=False, name=None))
        assert list(out.itertuples(index=False, name=None)) == [row for row in rows if row[0] in kept]
        assert list(train.itertuples(index=False, name=None)) == [
            r for r in rows if r[0] > 0 and r[0] not in kept
        ]
        assert train.index.tolist() == list(range(len(train))) and out.index.tolist() == list(range(len(out)))
        whom.add(tuple(sorted(kept)))
    assert len(whom) > 1 or held == 0


def test_split_unless_told_otherwise():
    frame = pictures(20, 2)
    for one, other in zip(split_identities(frame), split_identities(frame, 0.3, 0), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_the_largest_seed_is_one_like_any_other():
    people = pictures(10, 4)
    first, last = (set(split_identities(people, 0.3, seed)[1].pid) for seed in (0, 2**63 - 1))
    assert first != last


def test_split_leaves_two_to_train_on():
    assert split_identities(pictures(3, 2), 0.1)[0].pid.nunique() == 2
    said = refusal(lambda: split_identities(pictures(3, 2), 0.5))
    assert said == (
        "3 identities, 2 of them held out; expected at least 2 left to train on: add people, or lower valid"
    )
    for valid in (1, -0.1, float("nan")):
        said = refusal(lambda valid=valid: split_identities(pictures(9, 2), valid))
        assert said == f"valid is {valid}; expected a share of the identities, from 0 to below 1"
    said = refusal(lambda: split_identities(pd.DataFrame({"camid": [1]})))
    assert said == "the table has no column 'pid'; expected the identity of each image"


def labels(rng: np.random.Generator, n: int) -> pd.DataFrame:
    "Class numbers, some of them unknown."
    return pd.DataFrame({a.name: rng.integers(-1, len(a.classes), n) for a in ATTRIBUTES})


def test_a_guess_is_the_commonest_answer():
    rng = np.random.default_rng(0)
    for _ in range(20):
        train, valid = labels(rng, 31), labels(rng, 17)
        scores = most_frequent_class_accuracy(train, valid)
        assert scores.name == "MFC" and scores.index.tolist() == NAMES
        for name in NAMES:
            counts = Counter(label for label in train[name] if label >= 0)
            guess = min(counts, key=lambda label: (-counts[label], label))
            known = [label for label in valid[name] if label >= 0]
            assert scores[name] == pytest.approx(sum(label == guess for label in known) / len(known))


def test_a_guess_without_labels_is_no_number():
    rng = np.random.default_rng(0)
    train, valid = labels(rng, 9), labels(rng, 9)
    scores = most_frequent_class_accuracy(train.assign(hat=-1, up=0), valid.assign(bag=-1, up=0))
    assert np.isnan(scores[["hat", "bag"]]).all() and scores.drop(["hat", "bag"]).notna().all()
    assert scores["up"] == 1.0
    said = refusal(lambda: most_frequent_class_accuracy(train.drop(columns="up"), valid))
    assert said == "the training's table has no column 'up'; expected a class number of each image"
    said = refusal(lambda: most_frequent_class_accuracy(train, valid.drop(columns="age")))
    assert said == "the table to answer for has no column 'age'; expected a class number of each image"
