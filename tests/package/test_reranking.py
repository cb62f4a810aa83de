"""Re-ranking against the paper's description, in plain loops, on random data."""

import numpy as np
import pytest
import torch

from reid_course.metrics import evaluate_retrieval, re_rank


def re_rank_densely(query, gallery, k1, k2, lam):
    "k-reciprocal encoding as the paper describes it, with the overlap rule and the k1/2 of its program."
    points = [*query.tolist(), *gallery.tolist()]
    n = len(points)
    d = [[sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for y in points] for x in points]
    d = [[value / max(row) for value in row] for row in d]
    rank = [sorted(range(n), key=lambda j, i=i: (j != i, d[i][j], j)) for i in range(n)]

    def reciprocal(i, k):
        return [j for j in rank[i][: k + 1] if i in rank[j][: k + 1]]

    v = []
    for i in range(n):
        near = reciprocal(i, k1)
        wide = set(near)
        for candidate in near:
            theirs = reciprocal(candidate, int(np.around(k1 / 2)))
            if len(set(theirs) & set(near)) > 2 / 3 * len(theirs):
                wide |= set(theirs)
        weights = [np.exp(-d[i][j]) if j in wide else 0.0 for j in range(n)]
        v.append([w / sum(weights) for w in weights])
    v = [[np.mean([v[j][column] for j in rank[i][:k2]]) for column in range(n)] for i in range(n)]
    result = np.zeros((len(query), len(gallery)))
    for i in range(len(query)):
        for j in range(len(query), n):
            least = sum(min(a, b) for a, b in zip(v[i], v[j], strict=True))
            most = sum(max(a, b) for a, b in zip(v[i], v[j], strict=True))
            result[i, j - len(query)] = (1 - lam) * (1 - least / most) + lam * d[i][j]
    return result


@pytest.mark.parametrize(
    "k1, k2, lam", [(20, 6, 0.3), (6, 3, 0.3), (5, 1, 0.0), (3, 9, 0.7), (99, 2, 0.1), (1, 1, 0)]
)
@pytest.mark.parametrize("repeated", [False, True])  # whole numbers in a plane: full of ties and repeats
def test_re_ranking_is_the_dense_method(k1, k2, lam, repeated):
    rng = np.random.default_rng(k1)
    pids = rng.integers(1, 9, 70)
    points = rng.normal(size=(9, 6))[pids] + rng.normal(size=(70, 6))
    points = np.round(1.5 * points[:, :2]) if repeated else points
    expected = re_rank_densely(points[:15], points[15:], k1, k2, lam)
    found = re_rank(points[:15].astype("float32"), torch.tensor(points[15:]), k1, k2, lam)
    assert found.dtype == np.float32 and found == pytest.approx(expected, abs=1e-5)
    rounded = (evaluate_retrieval(np.round(d, 5), pids[:15], pids[15:]).ap for d in (found, expected))
    assert next(rounded) == pytest.approx(next(rounded), abs=1e-4)


def test_re_ranking_with_lam_1_is_the_euclidean_order():
    rng = np.random.default_rng(5)
    query, gallery = rng.normal(size=(2, 40, 8))
    euclidean = np.linalg.norm(query[:, None] - gallery, axis=2)
    assert (re_rank(query, gallery, lam=1).argsort(1) == euclidean.argsort(1)).all()
