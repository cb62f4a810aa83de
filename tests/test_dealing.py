"""Split and sampler against plain versions: who is held out, what a guess is worth, which images meet in a batch."""

from collections import Counter
from itertools import chain, islice

import numpy as np
import pandas as pd
import pytest

from reid_course.data import ATTRIBUTES, NAMES
from reid_course.errors import ReidError
from reid_course.sampling import PKBatchSampler, deal
from reid_course.split import most_frequent_class_accuracy, split_identities


def refusal(call) -> str:
    "What is said instead of an answer."
    with pytest.raises(ReidError) as error:
        call()
    return str(error.value)


def pictures(people: int, images: int) -> pd.DataFrame:
    "A table with everybody's pictures in turn, a distractor and a junk image between them."
    pids = [*range(1, people + 1)] * images
    pids[people:people] = [0, -1]
    return pd.DataFrame(
        {"pid": pids, "path": [f"{i}.jpg" for i in range(len(pids))]}, index=range(5, 5 + len(pids))
    )


# Split


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
    batches = [list(PKBatchSampler(people.pid.to_numpy(), 4, 2, seed)) for seed in (0, 2**63 - 1)]
    assert batches[0] != batches[1]


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
    assert said == "the table has no column ['pid']; expected pid"


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
    assert said == f"the training's table has no column ['up']; expected {', '.join(NAMES)}"
    said = refusal(lambda: most_frequent_class_accuracy(train, valid.drop(columns="age")))
    assert said == f"the table to answer for has no column ['age']; expected {', '.join(NAMES)}"


# Sampler


def hands(items, n: int, rng: np.random.Generator):
    "Hands of n from one endless row of shuffled decks; who is in the hand already waits for the next one."
    waiting: list[int] = []
    while True:
        hand: list[int] = []
        while len(hand) < n:
            waiting = waiting or rng.permutation(items).tolist()
            new = [x for x in waiting if x not in hand] or waiting
            hand.append(new[0])
            waiting.remove(new[0])
        yield hand


@pytest.mark.parametrize("items, n", [(7, 3), (7, 7), (4, 6), (1, 3), (12, 5), (8, 4)])
def test_hands_are_dealt_fairly(items, n):
    for seed in range(5):
        dealt = list(islice(deal(range(items), n, np.random.default_rng(seed)), 40))
        assert dealt == list(islice(hands(range(items), n, np.random.default_rng(seed)), 40))
        assert all(len(hand) == n and len(set(hand)) == min(n, items) for hand in dealt)
        counts = Counter(chain.from_iterable(dealt))
        assert max(counts.values()) - min(counts.values()) <= 1 + n // items


@pytest.mark.parametrize(
    "p, k, people, images", [(4, 2, 9, 5), (3, 4, 3, 4), (2, 2, 5, 1), (5, 3, 11, 7), (4, 2, 4, 3)]
)
def test_batches_hold_p_people_k_times(p, k, people, images):
    pids = np.random.default_rng(1).permutation(np.repeat(np.arange(10, 10 + people), images))
    sampler = PKBatchSampler(pids, p, k, seed=3)
    assert len(sampler) == max(-(-len(pids) // (p * k)), -(-people // p))
    epochs = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
        assert epochs[-1] == list(sampler), "an epoch's batches are the same each time"
        rng = np.random.default_rng((3, epoch))
        rows = {pid: hands(np.flatnonzero(pids == pid), k, rng) for pid in range(10, 10 + people)}
        drawn = hands(range(10, 10 + people), p, rng)
        assert epochs[-1] == [
            [row for pid in next(drawn) for row in next(rows[pid])] for _ in range(len(sampler))
        ]
        met = {pids[row] for batch in epochs[-1] for row in batch}
        assert met == set(pids), "everybody at least once"
    assert epochs[0] != epochs[1] != epochs[2]
    fresh = PKBatchSampler(pids.tolist(), p, k)
    assert fresh.epoch == 0 and fresh.seed == 0 and list(fresh) != epochs[0]


def test_sampler_refuses_what_holds_no_triplet():
    pids = [1, 1, 2, 2, 3, 3]
    for p, k in ((1, 2), (2, 1)):
        said = refusal(lambda p=p, k=k: PKBatchSampler(pids, p, k))
        assert said == f"p is {p} and k is {k}; expected at least 2 of each, or there is no triplet"
    assert len(PKBatchSampler(pids, 3, 2)) == 1
    said = refusal(lambda: PKBatchSampler(pids, 4, 2))
    assert said == "3 identities for batches of p = 4; expected at least 4: lower p, or add people"
    assert refusal(lambda: PKBatchSampler([pids], 2, 2)) == "pids has shape (1, 6); expected (n,)"
    assert refusal(lambda: PKBatchSampler(pids, 2, 2).set_epoch(-1)) == "epoch is -1; expected 0 or more"
    PKBatchSampler(pids, 2, 2).set_epoch(0)
