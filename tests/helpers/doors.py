"""What the tests of doors share: the smallest sound values, and what a refusal looks like."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from support import refusal

from reid_course.data import ATTRIBUTES

NAMES = [a.name for a in ATTRIBUTES]
NOWHERE = Path("no-such-place")
PIDS = np.array([1, 1, 2, 2])
FRAME = pd.DataFrame({"path": ["a", "b"], "pid": [1, 2]} | {name: [0, 0] for name in NAMES})
SMALL = {"size": (64, 32), "strides": "imagenet"}

Wrong = tuple[Callable[[], object], str]  # a call, and what is said to it


def numbered(
    doors: dict[str, list[Wrong]],
) -> dict[str, Wrong]:  # "train-0" -> the first of its calls
    "Each case by a name of its own."
    return {f"{name}-{i}": case for name, cases in doors.items() for i, case in enumerate(cases)}


def check_refusal(
    call: Callable[[], object],
    said: str,
) -> None:
    "One line says so, and nothing is left on the disk."
    message = refusal(call)
    assert said in message and "\n" not in message and len(message) < 400, message
    assert not NOWHERE.exists()
