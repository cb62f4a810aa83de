"""What a lesson asks of its reader: words, lines in sight, minutes, exercises, as tools/lesson_gauge.py counts them."""

import pytest
from lesson_gauge import LESSON, LIMITS, WORDS, gauge
from listing import LESSONS
from notebooks import stem


def misses(row: dict) -> list[str]:
    "What is over a limit, or too little."
    found = [f"{name} {row[name]}, at most {most}" for name, most in LIMITS.items() if row[name] > most]
    found += [f"{row['checks']} exercises, at least 3"] * (row["checks"] < 3)
    return found + ["no band"] * (not row["bands"]) + [f"says {row['odd']}"] * bool(row["odd"])


@pytest.mark.parametrize("path", [path for path in LESSONS if LESSON.match(path.stem)], ids=stem)
def test_lesson_keeps_its_limits(path):
    assert misses(gauge(path)) == []


def test_the_gauge_is_the_one_that_was_agreed():
    assert LIMITS == {"words": 1600, "lines": 120, "longest": 25, "minutes": 35, "exported": 220}
    assert {"likeness", "hesitation", "crowd"} <= {*WORDS}
