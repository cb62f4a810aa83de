"""Wrong answers to exercises of start and of lesson 15, by the mistake in them."""

from collections.abc import Callable

import numpy as np


def precision(total: Callable) -> Callable:
    "The AP of start with another mean of the shares."

    def answer(matches):
        shares = [sum(matches[: i + 1]) / (i + 1) for i in range(len(matches))]
        return total(np.array(shares), np.array(matches))

    return answer


def hidden(image: np.ndarray, *windows: tuple, colour: Callable = lambda x: x.mean((0, 1))) -> np.ndarray:
    "A copy with windows in one colour."
    copy = image.copy()
    for window in windows:
        copy[window] = colour(image)
    return copy


def mapped(mean: bool = True, fresh: bool = True, colour: Callable = lambda x: x.mean((0, 1))) -> Callable:
    "Lesson 15's map: sums instead of means, squares that are never taken away again, or another colour."

    def occlusion(score, image, patch, stride):
        (h, w), work = image.shape[:2], image.copy()
        total, times = np.zeros((h, w)), np.zeros((h, w))
        for y in range(0, h - patch + 1, stride):
            for x in range(0, w - patch + 1, stride):
                window = slice(y, y + patch), slice(x, x + patch)
                work = hidden(image if fresh else work, window, colour=colour)
                total[window] += score(image[None])[0] - score(work[None])[0]
                times[window] += 1
        return total / np.maximum(times, 1) if mean else total

    return occlusion


def fallen(colour: Callable = lambda x: x.mean((0, 1)), together: bool = True) -> Callable:
    "Lesson 15's three falls with another colour, or the two falls added up."

    def falls(score, image, one, other):
        copies = [hidden(image, *windows, colour=colour) for windows in ([one], [other], [one, other])]
        found = score(image[None])[0] - score(np.stack(copies))
        return found if together else np.array([found[0], found[1], found[0] + found[1]])

    return falls


LOOKINGS_WRONG: dict[str, list[tuple[Callable, str]]] = {
    "start.1": [
        (precision(lambda shares, matches: shares.mean()), "the mean of 1/1 and 2/3"),
        (precision(lambda shares, matches: shares[matches].sum() / len(matches)), "the mean of 1/1 and 2/3"),
        (precision(lambda shares, matches: shares[np.flatnonzero(matches)[-1]]), "the mean of 1/1 and 2/3"),
        (lambda matches: 5 / 6, "does not matter"),
        (precision(lambda s, m: s[m].mean() if m[0] else 0.0), "at rank 3"),
    ],
    "start.2": [
        (lambda known, new: np.bincount(new).max() / len(new), "the training labels'"),
        (lambda known, new: np.bincount(known).max() / len(known), "the training labels'"),
        (lambda known, new: float(np.mean(new == round(np.mean(known)))), "not the mean"),
    ],
    "start.3": [
        (lambda p, c, pids, cams: (cams != c) & (pids != -1), "another person by the query's camera"),
        (lambda p, c, pids, cams: ~((pids == p) & (cams == c)), "junk is ignored"),
        (lambda p, c, pids, cams: (pids > 0) & ~((pids == p) & (cams == c)), "a distractor is wrong"),
        (lambda p, c, pids, cams: pids >= 0, "by the query's camera is ignored"),
    ],
    "15.1": [
        (lambda heat, place: heat.clip(0)[place].sum() / heat.clip(0).sum(), "has lift 1"),
        (lambda heat, place: heat[place].mean() / heat.mean(), "count them as 0"),
        (lambda heat, place: heat.clip(0)[place].mean() / heat.clip(0).mean(), "not 0 / 0"),
    ],
    "15.2": [
        (mapped(mean=False), "not their sum"),
        (mapped(fresh=False), "one square at a time"),
        (mapped(colour=lambda x: 0.0), "costs 15/16"),
    ],
    "15.3": [
        (fallen(together=False), "until both are hidden"),
        (fallen(colour=lambda x: 0.0), "the mean is 1/8"),
        (lambda *given: fallen()(*given)[:2], "three numbers"),
        (lambda *given: -fallen()(*given), "only `one` matters"),
    ],
}
