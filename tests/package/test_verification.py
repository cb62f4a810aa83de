"""Thresholds for the same person or not, against a plain version in loops; who is chosen on is not judged on."""

import itertools

import numpy as np
import pandas as pd
import pytest

from reid_course.verification import (
    Verification,
    choose_threshold,
    judge_threshold,
    measure_verification,
)


def rates(same, different, threshold):
    "Shares of wrong answers, pair by pair."
    accepted = sum(1 for x in different if x <= threshold)
    rejected = sum(1 for x in same if x > threshold)
    return accepted / len(different), rejected / len(same)


def plain_threshold(same, different, most=None):
    "Every place between two neighbours is tried."
    values = sorted({*map(float, same), *map(float, different)})
    places = [values[0] - 1, *((a + b) / 2 for a, b in itertools.pairwise(values)), values[-1]]
    if most is not None:
        return max(x for x in places if rates(same, different, x)[0] <= most)
    gaps = [abs(a - r) for a, r in (rates(same, different, x) for x in places)]
    return places[gaps.index(min(gaps))]


@pytest.mark.parametrize("seed", range(20))
def test_threshold_is_the_one_of_the_plain_version(seed):
    rng = np.random.default_rng(seed)
    same = rng.gamma(3, size=rng.integers(1, 40)).round(1)  # rounded: many ties
    different = rng.gamma(6, size=rng.integers(1, 60)).round(1)
    for most in (None, 0.0, 0.01, 0.3, 1.0):
        found, expected = choose_threshold(same, different, most), plain_threshold(same, different, most)
        judged = judge_threshold(same, different, found)
        assert (judged.false_accepts, judged.false_rejects) == pytest.approx(rates(same, different, expected))
        assert found == pytest.approx(expected) or found < min(*same, *different) > expected


@pytest.fixture
def people():
    "Twenty people of five images at three cameras, not far from each other; two more with one image."
    rng = np.random.default_rng(1)
    pids = np.r_[np.repeat(np.arange(1, 21), 5), 21, 22]
    frame = pd.DataFrame({"pid": pids, "camid": pd.array(np.arange(len(pids)) % 3, "Int64")})
    return (rng.normal(size=(23, 6))[pids] + rng.normal(scale=0.8, size=(len(pids), 6))), frame


def moved(points: np.ndarray, frame: pd.DataFrame, pid: int) -> Verification | None:
    "The same measurement when the images of one person are torn apart."
    away = np.random.default_rng(pid).normal(scale=3, size=points.shape)
    return measure_verification(np.where((frame.pid == pid).to_numpy()[:, None], away, points), frame)


def test_nobody_is_chosen_on_and_judged_on(people):
    points, frame = people
    found, chosen, judged = measure_verification(points, frame), set(), set()
    for pid in range(1, 23):
        again = moved(points, frame, pid)
        if again.equal.distance != found.equal.distance:
            chosen.add(pid)
        else:
            judged.add(pid)
            assert again.strict.distance == found.strict.distance
    assert len(chosen) == len(judged) == found.people == 11

    def pairs(pids):
        rows = frame.index[frame.pid.isin(pids)]
        both = [(i, j) for i, j in itertools.combinations(rows, 2) if frame.camid[i] != frame.camid[j]]
        far = [(np.linalg.norm(points[i] - points[j]), frame.pid[i] == frame.pid[j]) for i, j in both]
        return [d for d, one in far if one], [d for d, one in far if not one]

    for point, most in ((found.equal, None), (found.strict, 0.01)):
        assert point.distance == pytest.approx(plain_threshold(*pairs(chosen), most), rel=1e-5)
        expected = rates(*pairs(judged), point.distance)
        assert (point.false_accepts, point.false_rejects) == pytest.approx(expected)
    assert [found.same_pairs, found.different_pairs] == [*map(len, pairs(judged))]
    assert found.across_cameras


def test_pairs_of_one_camera_only_where_there_are_no_others(people):
    points, frame = people
    one = measure_verification(points, frame.assign(camid=7))
    none = measure_verification(points, frame.assign(camid=pd.array([None] * len(frame), "Int64")))
    assert one == none and not one.across_cameras and one.same_pairs == 10 * 10


def test_who_is_nobody_is_not_compared(people):
    points, frame = people
    found = measure_verification(points, frame)
    more = pd.concat([frame, pd.DataFrame({"pid": [0, 0, -1, -1], "camid": [1, 2, 1, 2]})], ignore_index=True)
    assert measure_verification(np.r_[points, np.zeros((4, 6))], more) == found
    assert measure_verification(points[:0], frame[:0]) is None
    assert measure_verification(points[-2:], frame[-2:]) is None
