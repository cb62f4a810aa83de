"""The sampler against a plain version: which images meet in a batch."""

from collections import Counter
from itertools import chain, islice

import numpy as np
import pytest
from support import refusal

from reid_course.sampling import PKBatchSampler, reshuffled_groups


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
        dealt = list(islice(reshuffled_groups(range(items), n, np.random.default_rng(seed)), 40))
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
    assert (
        refusal(lambda: PKBatchSampler([pids], 2, 2)) == "pids have shape (1, 6); expected (n,): one an image"
    )
    assert refusal(lambda: PKBatchSampler(pids, 2, 2).set_epoch(-1)) == "epoch is -1; expected 0 or more"
    PKBatchSampler(pids, 2, 2).set_epoch(0)


def test_the_largest_seed_is_one_like_any_other():
    pids = np.repeat(np.arange(10), 4)
    batches = [list(PKBatchSampler(pids, 4, 2, seed)) for seed in (0, 2**63 - 1)]
    assert batches[0] != batches[1]
