"""Metrics and re-ranking against references written from the definitions, in plain loops, on random data."""

import functools
import tracemalloc

import numpy as np
import pytest
import torch

from reid_course import metrics
from reid_course.engine.ranking import RankCounter
from reid_course.errors import ReidError
from reid_course.metrics import (
    average_precision,
    evaluate_embeddings,
    evaluate_retrieval,
)


def hits(distances, pid, gallery_pids, cam, gallery_cams, left_out):
    "One ranked list as True (right) and False (wrong), without what does not count."
    rows = []
    for j, (distance, gallery_pid) in enumerate(zip(distances, gallery_pids, strict=True)):
        if (
            gallery_pid == -1
            or j == left_out
            or (gallery_pid == pid and cam is not None and gallery_cams[j] == cam)
        ):
            continue
        rows.append((distance, gallery_pid == pid))
    return [right for _, right in sorted(rows)]  # False sorts before True: wrong first among equals


def scores_of(found):
    "AP, trapezoid AP and inverse penalty of one list, position by position, as the first programs did it."
    total, seen, ap, trapezoid, recall, precision, last = sum(found), 0, 0.0, 0.0, 0.0, 1.0, 0
    for position, right in enumerate(found, start=1):
        seen += right
        if right:
            ap += seen / position / total
            last = position
        trapezoid += (seen / total - recall) * (precision + seen / position) / 2
        recall, precision = seen / total, seen / position
    return ap, trapezoid, total / last


def reference(
    distances, query_pids, gallery_pids, query_camids=None, gallery_camids=None, leave_out=None, max_rank=50
):
    "mAP, trapezoid mAP, mINP, CMC and number of queries without a match; None if no query has one."
    lists = []
    for i, (row, pid) in enumerate(zip(distances.tolist(), query_pids, strict=True)):
        cam = None if query_camids is None else query_camids[i]
        left = None if leave_out is None else leave_out[i]
        lists.append(hits(row, pid, gallery_pids, cam, gallery_camids, left))
    scored = [found for found in lists if any(found)]
    if not scored:
        return None
    means = np.mean([scores_of(found) for found in scored], axis=0)
    cmc = [np.mean([any(found[:k]) for found in scored]) for k in range(1, max_rank + 1)]
    return *means, cmc, len(lists) - len(scored)


def random_case(seed):
    "A small problem full of ties, junk, distractors and queries with nothing to find."
    rng = np.random.default_rng(seed)
    q, g, people = rng.integers(1, 9), rng.integers(2, 60), rng.integers(2, 8)
    kinds = rng.choice(["all", "cameras", "leave out", "both"])
    case = {"query_pids": rng.integers(1, people + 1, q), "gallery_pids": rng.integers(-1, people, g)}
    case["max_rank"] = int(rng.integers(1, 70))
    if kinds in ("cameras", "both"):
        case |= {"query_camids": rng.integers(0, 4, q), "gallery_camids": rng.integers(0, 4, g)}
    if kinds in ("leave out", "both"):
        case["leave_out"] = rng.integers(-1, g, q)
    d = int(rng.integers(1, 4))
    query, gallery = rng.integers(0, rng.choice([2, 4, 300]), (2, max(q, g), d))
    return case, query[:q], gallery[:g]


def check(found, expected, case):
    "A result is the reference's."
    *means, cmc, without = expected
    assert [found.mAP, found.mAP_trapezoid, found.mINP] == pytest.approx(means, abs=1e-12)
    assert found.cmc == pytest.approx(cmc, abs=1e-12)
    assert found.rank1 == found.cmc[0] and (np.diff(found.cmc) >= 0).all()
    assert (found.n_queries, found.n_without_match) == (len(case["query_pids"]), without)
    assert found.ap.shape == (found.n_queries,) and np.isnan(found.ap).sum() == without
    assert np.nanmean(found.ap) == pytest.approx(found.mAP, abs=1e-12)


@pytest.mark.parametrize("kind", ["float32", "float64", "int64"])
@pytest.mark.parametrize("first", range(0, 300, 100))
def test_retrieval_is_what_the_definition_says(first, kind):
    scored = 0
    for seed in range(first, first + 100):
        case, query, gallery = random_case(seed)
        distances = ((query[:, None] - gallery) ** 2).sum(2).astype(kind)
        expected = reference(distances, **case)
        if expected is None:
            with pytest.raises(ReidError, match="has a match among"):
                evaluate_retrieval(distances, **case)
            continue
        check(evaluate_retrieval(distances, **case), expected, case)
        scored += 1
    assert scored > 50


@pytest.mark.parametrize("held", [2**24, 300])  # distances in a tile: one tile, and many
def test_embeddings_give_the_same(held, monkeypatch):
    monkeypatch.setattr(metrics, "RankCounter", functools.partial(RankCounter, max_elements=held))
    for seed in range(200):
        case, query, gallery = random_case(seed)
        distances = ((query[:, None] - gallery) ** 2).sum(2)
        expected = reference(distances, **case)
        if expected is not None:
            check(evaluate_embeddings(query.astype("float32"), gallery / 1, **case), expected, case)


@pytest.mark.parametrize("matches", [10, 200])  # counted one by one; counted in a sorted row
def test_many_matches_with_ties(matches):
    rng = np.random.default_rng(matches)
    case = {"query_pids": [1, 1], "gallery_pids": rng.permutation([1] * matches + [2] * 100 + [-1] * 20)}
    case["max_rank"] = 20
    query, gallery = rng.integers(0, 9, (2, 1)), rng.integers(0, 9, (matches + 120, 1))
    distances = ((query[:, None] - gallery) ** 2).sum(2)
    expected = reference(distances, **case)
    check(evaluate_retrieval(distances.astype("float32"), **case), expected, case)
    check(evaluate_embeddings(query, gallery, **case), expected, case)


def test_diagonal_is_each_image_against_all_others():
    rng = np.random.default_rng(1)
    pids, points = rng.integers(1, 9, 60), rng.normal(size=(60, 5))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    case = {"query_pids": pids, "gallery_pids": pids, "max_rank": 50}
    expected = reference(distances, **case, **{"leave_out": np.arange(60)})
    check(evaluate_retrieval(torch.tensor(distances), leave_out="diagonal", **case), expected, case)
    check(evaluate_embeddings(torch.tensor(points), points, leave_out="diagonal", **case), expected, case)


def test_file_order_and_unit_change_nothing():
    rng = np.random.default_rng(2)
    distances, pids = rng.integers(0, 20, (5, 80)), rng.integers(-1, 6, 80)
    usual = evaluate_retrieval(distances, range(1, 6), pids)
    order = rng.permutation(80)
    for changed in ((distances[:, order], pids[order]), (np.exp(distances), pids), (distances - 50, pids)):
        found = evaluate_retrieval(changed[0], range(1, 6), changed[1])
        assert found.ap.tolist() == usual.ap.tolist()


@pytest.mark.parametrize("width", [1, 7, 64, 300, 512])
def test_equal_embeddings_tie_wherever_they_stand(width):
    rng = np.random.default_rng(width)
    order, points = rng.permutation(202), rng.standard_normal((108, width), dtype="float32")
    twins = np.repeat(points[7:], 2, axis=0)[order]  # of each two, one right and one wrong
    found = evaluate_embeddings(points[:7], twins, [1] * 7, np.tile([1, 2], 101)[order])
    assert found.ap == pytest.approx(0.5) and found.cmc[:2].tolist() == [0, 1]
    pids = rng.permutation(np.repeat([1, 2, 3], [5, 30, 70]))
    flat = np.repeat(points[:1], 105, axis=0)
    worst = [average_precision(np.arange(106 - n, 105)) for n in (5, 30, 70)]
    found = evaluate_embeddings(flat, flat, pids, pids, leave_out="diagonal")
    assert found.ap == pytest.approx(np.array(worst)[pids - 1], abs=1e-12)


def test_large_common_offset_is_no_loss():
    rng = np.random.default_rng(3)
    pids = np.repeat(np.arange(1, 31), 10)
    points = rng.normal(size=(31, 64))[pids] + 2 * rng.normal(size=(300, 64))
    usual = evaluate_embeddings(points, points, pids, pids, leave_out="diagonal")
    moved = evaluate_embeddings(points + 1000, points + 1000, pids, pids, leave_out="diagonal")
    assert usual.mAP < 0.9 and moved.ap == pytest.approx(usual.ap, abs=1e-3)


WRONG = {
    "pid of query image 0 is 0; expected 1 or more": {"query_pids": [0, 1]},
    "pid of query image 1 is -1": {"query_pids": [1, -1]},
    "pid of gallery image 2 is -2; expected -1 or more": {"gallery_pids": [1, 2, -2]},
    "gallery image 1 is -3; expected -1 or more (people count from 1; 0 distractor, -1 junk: in a": {
        "gallery_pids": [1, -3, -2]
    },
    "query_pids has shape (1, 2)": {"query_pids": [[1, 2]]},
    "gallery_pids holds something else than whole numbers": {"gallery_pids": [1, 2, 0.5]},
    "have shape (2, 3); expected (queries, gallery) = (2, 4)": {"gallery_pids": [1, 2, 0, 0]},
    "gallery_camids is missing": {"query_camids": [1, 1]},
    "query_camids is missing": {"gallery_camids": [1, 1, 1]},
    "query_camids holds something else": {"query_camids": [1, None], "gallery_camids": [1, 1, 1]},
    "gallery_camids holds something else": {"query_camids": [1, 1], "gallery_camids": [1, None, 1]},
    "expected one an image: (2,) and (3,)": {"query_camids": [1, 1], "gallery_camids": [1, 1]},
    "expected 'diagonal', positions or None": {"leave_out": "self"},
    "whose pids differ; expected the gallery to be the query set itself, in": {"leave_out": "diagonal"},
    "leave_out holds something else": {"leave_out": [0.5, 0]},
    "leave_out has shape (0,) and values from 0 to 0": {"leave_out": np.zeros(0, int)},
    "shape (2,) and values from -2 to 0; expected (2,)": {"leave_out": [-2, 0]},
    "values from 0 to 3; expected (2,) and gallery positions from 0 to 2": {"leave_out": [0, 3]},
    "leave_out has shape (1,)": {"leave_out": [0]},
    "max_rank is 0": {"max_rank": 0},
    "none of the 2 queries has a match among 3 gallery images; give both": {"gallery_pids": [3, 0, -1]},
    "2 of them have images of their person there": {"query_camids": [1, 1], "gallery_camids": [1, 1, 1]},
    "distance of query 1 to gallery image 2 is nan": {"distances": [[1, 2, 3], [1, 2, np.nan]]},
    "distance of query 0 to gallery image 1 is -inf": {"distances": [[1, -np.inf, 3], [1, 2, 3]]},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_use_is_named(message):
    case = {"distances": np.ones((2, 3)), "query_pids": [1, 2], "gallery_pids": [1, 2, 0]} | WRONG[message]
    with pytest.raises(ReidError) as caught:
        evaluate_retrieval(**case)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_wrong_use_with_embeddings_is_named():
    gallery, people, far = np.array([[10, 10], [10, 10], [1, 1], [1, 1]]), [1] * 300, np.ones((300, 2))
    far[280] = 1e30  # its square is beyond float32; images 0 and 1 are junk
    for message, changed in (
        ("max_rank is 0; expected 1 or more", {"max_rank": 0}),
        ("300 query and 3 gallery embeddings; expected one a pid: 300 and 4", {"gallery": gallery[:3]}),
        ("the distance of query 280 to gallery image 2 is inf", {}),
    ):
        case = {"gallery": gallery, "query_pids": people, "gallery_pids": [-1, -1, 1, 2]} | changed
        with pytest.raises(ReidError, match=message):
            evaluate_embeddings(far, **case)


def test_little_memory():
    rng = np.random.default_rng(4)
    points, pids = rng.standard_normal((150_000, 16), dtype="float32"), np.arange(150_000) // 10 + 1
    distances = rng.standard_normal((400, 20_000), dtype="float32")
    for work, limit in (
        (lambda: evaluate_retrieval(distances, pids[:400], pids[:20_000]), 8),
        (
            lambda: evaluate_embeddings(points[:300], points, pids[:300], pids),
            128,
        ),  # the matrix takes 172 MiB
    ):
        tracemalloc.start()
        work()
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        assert peak < limit
