"""The triplet loss at the edges that the lesson does not stand on: one costly triplet, ties, limits, refusals."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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


def over_all(points: list[list[float]], pids: list[int], margin: float, mining: str) -> float | None:
    "Eq. (1) in loops over images; None: there is no valid triplet."
    n, costs, pairs = range(len(pids)), [], []
    for a in n:
        near = [math.dist(points[a], points[p]) for p in n if p != a and pids[p] == pids[a]]
        far = [math.dist(points[a], points[q]) for q in n if pids[q] != pids[a]]
        pairs += [(p, q) for p in near for q in far]
        if mining == "all":
            costs += [margin + p - q for p in near for q in far if q < p + margin]
        elif mining == "hard":
            costs += [max(0.0, margin + max(near) - min(far))] if near and far else []
        else:
            beyond = [[q for q in far if p < q < p + margin] for p in near]
            costs += [margin + p - min(some) for p, some in zip(near, beyond, strict=True) if some]
    if not pairs:
        return None
    return sum(costs) / len(costs) if costs else 0.0


@settings(max_examples=150, deadline=None)
@given(
    pids=st.lists(st.integers(-1, 3), min_size=1, max_size=9),  # −1: of nobody, junk
    seed=st.integers(0, 99),
    margin=st.sampled_from([0.0, 0.3, 2.0]),
    mining=st.sampled_from(["all", "hard", "semihard"]),
    more=st.integers(0, 9),
)
def test_any_labels_cost_what_the_definition_says(pids, seed, margin, mining, more):
    "Also of one person alone, of nobody twice, and where k promises more images than there are."
    points = torch.randn(len(pids), 3, generator=torch.Generator().manual_seed(seed), requires_grad=True)
    wanted, most = over_all(points.tolist(), pids, margin, mining), max(map(pids.count, pids))
    who = torch.tensor(pids)
    if most > 2:  # a promise that is broken
        assert triplet_loss(points, who, margin, mining, k=most - 1).isnan()
    promised = triplet_loss(points, who, margin, mining, k=max(2, most + more))
    if wanted is None:
        assert promised.isnan()
        with pytest.raises(ReidError, match="no valid triplet"):
            triplet_loss(points, who, margin, mining)
        return
    counted = triplet_loss(points, who, margin, mining)
    assert [promised.item(), counted.item()] == pytest.approx([wanted] * 2, rel=1e-4, abs=1e-5)
    one, other = (torch.autograd.grad(loss, points)[0] for loss in (promised, counted))
    assert one.isfinite().all()
    torch.testing.assert_close(one, other)
