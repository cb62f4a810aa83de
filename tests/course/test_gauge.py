"""What a lesson asks of its reader: words, lines in sight, minutes, exercises, as tools/lesson_gauge.py counts them."""

from pathlib import Path

import addresses
import pytest
from lesson_gauge import LESSON, LIMITS, WORDS, gauge
from listing import FRONT, LESSONS
from notebooks import prose, stem


def misses(row: dict) -> list[str]:
    "What is over a limit, or too little."
    found = [f"{name} {row[name]}, at most {most}" for name, most in LIMITS.items() if row[name] > most]
    found += [f"{row['checks']} exercises, at least 3"] * (row["checks"] < 3)
    return found + ["no band"] * (not row["bands"]) + [f"says {row['odd']}"] * bool(row["odd"])


@pytest.mark.parametrize("path", [path for path in LESSONS if LESSON.match(path.stem)], ids=stem)
def test_lesson_keeps_its_limits(path):
    assert misses(gauge(path)) == []


def test_the_front_page_says_the_hours_of_the_course():
    stated, reading = (sum(minutes) / 60 for minutes in zip(*map(hours, LESSONS), strict=True))
    said = f"Altogether {stated:.0f} hours: {reading:.0f} of reading"
    assert said in prose(FRONT) and f"and {round(stated) - round(reading)} for exercises" in prose(FRONT), (
        said
    )


def hours(path: Path) -> tuple[int, int]:
    "Minutes as a page states them, and as the gauge counts them without exercises."
    return int(addresses.minutes(path).split()[0]), gauge(path)["minutes"]


def test_the_gauge_is_the_one_that_was_agreed():
    assert LIMITS == {"words": 1600, "lines": 120, "longest": 25, "minutes": 35, "exported": 220}
    assert {"likeness", "hesitation", "crowd"} <= {*WORDS}
