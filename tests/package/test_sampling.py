"""The sampler against a plain version: which images meet in a batch; and what is made of them."""

from collections import Counter
from itertools import chain, islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support import refusal

from reid_course.data import ATTRIBUTES, JUNK, attribute_targets, load_dataset
from reid_course.engine.config import TrainConfig
from reid_course.images import ImageStore, flip_and_shift, make_junk, random_erasing, to_input
from reid_course.sampling import (
    PKBatches,
    PKBatchSampler,
    PlainBatches,
    ShuffledSampler,
    deal_rows,
    default_transform,
    reshuffled_groups,
    with_junk,
)

CPU = torch.device("cpu")
QUICK = {"size": (32, 16), "p": 3, "k": 2, "seed": 5, "weights": None, "strides": "imagenet"}


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
    assert (
        said
        == "3 identities for batches of p = 4; expected at least 4: choose a lower p= (--p), or add people"
    )
    assert (
        refusal(lambda: PKBatchSampler([pids], 2, 2)) == "pids have shape (1, 6); expected (n,): one an image"
    )
    assert refusal(lambda: PKBatchSampler(pids, 2, 2).set_epoch(-1)) == "epoch is -1; expected 0 or more"
    PKBatchSampler(pids, 2, 2).set_epoch(0)


def test_the_largest_seed_is_one_like_any_other():
    pids = np.repeat(np.arange(10), 4)
    batches = [list(PKBatchSampler(pids, 4, 2, seed)) for seed in (0, 2**63 - 1)]
    assert batches[0] != batches[1]


# Batches made of them


@pytest.fixture(scope="module")
def people(drawn):
    "The table of drawn people; their numbers are not those of classes."
    table = load_dataset(drawn).train
    return table.assign(pid=7 * table.pid + 3).reset_index(drop=True)


@pytest.fixture(scope="module")
def store(people) -> ImageStore:
    return ImageStore(people.path, (32, 16))


def pixels(store: ImageStore, rows: list[int]) -> torch.Tensor:
    return torch.from_numpy(store[np.array(rows)])


def chance(epoch: int) -> torch.Generator:
    "The chance of an epoch under seed 5."
    return torch.Generator().manual_seed(5_000_015 + epoch)


@pytest.mark.parametrize("junk", [0.0, 0.3])
def test_an_epoch_is_what_its_seed_says(people, store, junk):
    schema = (*ATTRIBUTES, JUNK) if junk else ATTRIBUTES
    batches = PKBatches(store, people, TrainConfig(**QUICK, junk=junk), schema, CPU)
    sampler = PKBatchSampler(people.pid.to_numpy(), 3, 2, 5)
    answers = torch.tensor(attribute_targets(people, ATTRIBUTES))
    classes = torch.tensor([sorted(set(people.pid)).index(pid) for pid in people.pid])
    assert len(batches) == len(sampler) > 2
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        generator = chance(epoch)
        for batch, rows in zip(batches(epoch), sampler, strict=True):
            images, attributes = flip_and_shift(pixels(store, rows), generator), answers[rows]
            if junk:
                images, attributes = with_junk(images, attributes, generator, 0.3)
                assert images.shape[0] == 8 and attributes[:, 12].tolist() == [0] * 6 + [1] * 2
            assert torch.equal(batch.inputs, to_input(images))
            assert list(batch.targets) == ["attributes", "pids", "labels"]
            assert {x.dtype for x in batch.targets.values()} == {torch.int64}
            assert torch.equal(batch.targets["attributes"], attributes)
            assert batch.targets["pids"].tolist() == people.pid[rows].tolist()
            assert torch.equal(batch.targets["labels"], classes[rows])


def test_only_the_schema_is_asked(people, store):
    batches = PKBatches(store, people, TrainConfig(**QUICK), ATTRIBUTES[2:4], CPU)
    batch, rows = next(batches(0)), next(iter(batches.sampler))
    assert batch.targets["attributes"].tolist() == attribute_targets(people, ATTRIBUTES[2:4])[rows].tolist()


def test_a_transform_takes_the_place_of_ours(people, store):
    def darker(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return images // 2

    for transform in (None, darker):
        batches = PKBatches(store, people, TrainConfig(**QUICK, erasing_prob=0.5), ATTRIBUTES, CPU, transform)
        images, generator = pixels(store, next(iter(batches.sampler))), chance(0)
        expected = (
            images // 2 if transform else random_erasing(flip_and_shift(images, generator), generator, 0.5)
        )
        assert torch.equal(next(batches(0)).inputs, to_input(expected))


@pytest.mark.parametrize("prob", [0.0, 0.01, 1.0])
def test_default_transform_erases_as_often_as_told(store, prob):
    images = pixels(store, [*range(20)])
    generator = torch.Generator().manual_seed(1)
    expected = flip_and_shift(images, generator)
    if prob:
        expected = random_erasing(expected, generator, prob)
    transform = default_transform(TrainConfig(erasing_prob=prob))
    assert torch.equal(transform(images, torch.Generator().manual_seed(1)), expected)


def test_each_of_several_processes_reads_its_share(people):
    unread, config = ImageStore(people.path, (32, 16), cache=False), TrainConfig(**QUICK)
    group = SimpleNamespace(size=2, rank=1)

    def same(images, generator):
        return images

    batches = PKBatches(unread, people, config, ATTRIBUTES, CPU, same, group)
    assert [share.tolist() for share in batches.shares] == [[0, 1, 4, 5], [2, 3]]
    batch, rows = next(batches(0)), next(iter(batches.sampler))
    images = pixels(unread, rows)
    images[[0, 1, 4, 5]] = 0
    assert torch.equal(batch.inputs, to_input(images)), "the others' rows are black"
    assert batch.targets["pids"].tolist() == people.pid[rows].tolist()
    junk = TrainConfig(**QUICK, junk=0.3)
    batches = PKBatches(unread, people, junk, (*ATTRIBUTES, JUNK), CPU, same, group)
    assert [share.tolist() for share in batches.shares] == [[0, 1, 4, 5, 6], [2, 3, 7]]
    images = pixels(unread, next(iter(batches.sampler)))
    assert torch.equal(next(batches(0)).inputs[:6], to_input(images)), "junk is cut from everybody"


def test_whoever_they_show(people, store):
    unknown = people[:20].assign(pid=-2)
    batches = PlainBatches(store, unknown, TrainConfig(**QUICK), ATTRIBUTES, CPU)
    sampler = ShuffledSampler(20, 6, 5)
    assert len(batches) == len(sampler) == 4 and list(batches.sampler) == list(sampler)
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        for batch, rows in zip(batches(epoch), sampler, strict=True):
            assert (
                batch.targets["attributes"].tolist() == attribute_targets(unknown, ATTRIBUTES)[rows].tolist()
            )


@pytest.mark.parametrize("n, size", [(20, 6), (4, 9), (12, 4)])
def test_shuffled_rows_fill_every_batch(n, size):
    for seed in (0, 3):
        sampler = ShuffledSampler(n, size, seed) if seed else ShuffledSampler(n, size)
        for epoch in (None, 0, 2):
            if epoch is not None:
                sampler.set_epoch(epoch)
            rows = np.random.default_rng((seed, epoch or 0)).permutation(n).tolist()
            dealt = list(sampler)
            assert len(dealt) == len(sampler) == -(-n // size) and {len(batch) for batch in dealt} == {size}
            flat = list(chain(*dealt))
            assert flat == (rows * size)[: len(flat)]


def test_junk_is_made_of_the_first_images():
    images = torch.randint(0, 255, (7, 32, 16, 3), dtype=torch.uint8)
    targets = torch.arange(21).reshape(7, 3)
    more, classes = with_junk(images, targets, torch.Generator().manual_seed(2), 0.3)  # 2.1 images are 3
    assert torch.equal(more[:7], images)
    assert torch.equal(more[7:], make_junk(images, torch.Generator().manual_seed(2))[:3])
    assert classes.tolist() == [[*row, 0] for row in targets.tolist()] + [[-1, -1, -1, 1]] * 3


def test_whole_identities_are_dealt_and_junk_one_by_one():
    assert [x.tolist() for x in deal_rows(8, 13, 2, 3)] == [[0, 1, 6, 7, 8, 11], [2, 3, 9, 12], [4, 5, 10]]
