"""Scores of attributes against what the definitions say, in plain loops, on random data."""

import numpy as np
import pytest

from reid_course.accuracy import attribute_accuracy, balanced_accuracy, macro_f1
from reid_course.data import ATTRIBUTES

NAMES = [a.name for a in ATTRIBUTES]


def test_attribute_scores_are_what_the_definitions_say():
    for seed in range(50):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 40))
        said = np.stack([rng.integers(0, len(a.classes), n) for a in ATTRIBUTES], 1)
        true = np.stack([rng.integers(-1, len(a.classes), n) for a in ATTRIBUTES], 1)
        found = [f(said, true) for f in (attribute_accuracy, balanced_accuracy, macro_f1)]
        for a, name in enumerate(NAMES):
            pairs = [(s, t) for s, t in zip(said[:, a].tolist(), true[:, a].tolist(), strict=True) if t >= 0]
            if not pairs:
                assert all(np.isnan(scores[name]) for scores in found)
                continue
            per_class = []
            for c in {t for _, t in pairs}:
                right = sum(s == t == c for s, t in pairs)
                missed, false = sum(s != t == c for s, t in pairs), sum(s == c != t for s, t in pairs)
                per_class.append([right / (right + missed), 2 * right / (2 * right + missed + false)])
            expected = [np.mean([s == t for s, t in pairs]), *np.mean(per_class, axis=0)]
            assert [scores[name] for scores in found] == pytest.approx(expected)
