"""The triplet loss at the edges that the lesson does not stand on: one costly triplet, ties, limits, refusals."""

import pytest
import torch

from reid_course.errors import ReidError
from reid_course.triplet import triplet_loss

PIDS = torch.tensor([1, 1, 2])


def loss_of(third: float, **how: object) -> float:
    "Of points on a line: 0 and 1 of one person, a third of another."
    return triplet_loss(torch.tensor([[0.0], [1.0], [third]]), PIDS, **how).item()


def test_one_costly_triplet_is_the_mean_at_the_usual_margin():
    assert loss_of(2.2) == pytest.approx(0.1, abs=1e-6)


def test_margin_may_be_nought():
    assert loss_of(2.2, margin=0.0) == 0
    assert loss_of(1.5, margin=0.0) == pytest.approx(0.5, abs=1e-6)


def test_semihard_negatives_are_farther_not_as_far():
    assert loss_of(2.0, mining="semihard") == 0
    assert loss_of(2.2, mining="semihard") == pytest.approx(0.1, abs=1e-6)


def test_refusal_says_what_to_do():
    with pytest.raises(ReidError, match=r"expected two .* of one: draw batches with PKBatchSampler$"):
        triplet_loss(torch.zeros(3, 2), torch.tensor([1, 1, 1]))
