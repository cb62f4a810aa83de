"""What a lesson asks of its reader: words, lines in sight, minutes, exercises, as tools/lesson_gauge.py counts them."""

import re
from pathlib import Path

import addresses
import pytest
from lesson_gauge import LESSON, LIMITS, WORDS, gauge
from listing import FRONT, LESSONS
from notebooks import prose, stem

from reid_course.course.exercises import CHECKS


def misses(row: dict) -> list[str]:
    "What is over a limit, or too little."
    found = [f"{name} {row[name]}, at most {most}" for name, most in LIMITS.items() if row[name] > most]
    found += [f"{row['checks']} exercises, at least 3"] * (row["checks"] < 3)
    return found + ["no band"] * (not row["bands"]) + [f"says {row['odd']}"] * bool(row["odd"])


@pytest.mark.parametrize("path", [path for path in LESSONS if LESSON.match(path.stem)], ids=stem)
def test_lesson_keeps_its_limits(path):
    assert misses(gauge(path)) == []


def test_the_front_page_says_the_hours_of_the_course():
    stated, reading, core, further = (sum(minutes) / 60 for minutes in zip(*map(hours, LESSONS), strict=True))
    said = f"Altogether {stated:.0f} hours, with each page's time rounded: {reading:.0f} of reading"
    solving = (
        f"{core:.0f} for the **core** exercises and problems, and {further:.0f} for the **further** ones"
    )
    assert said in prose(FRONT) and solving in prose(FRONT), (said, solving)
    assert core <= 10 and 0 <= stated - reading - core - further < 1


def hours(path: Path) -> tuple[int, int, int, int]:
    "Minutes as a page states them, as the gauge counts them without exercises, of core and of further exercises."
    marked = exercises(path).values()
    core, further = (sum(n for kind, n in marked if kind == wanted) for wanted in ("core", "further"))
    return int(addresses.minutes(path).split()[0]), gauge(path)["minutes"], core, further


def exercises(path: Path) -> dict[str, tuple[str, int]]:
    "A page's exercises by label: core or further, and the minutes they state."
    mark = r"^\*\*(\w+\.\d+)\*\* [●○]{3} \*\*(core|further)\*\*, (\d+) minutes"
    return {label: (kind, int(n)) for label, kind, n in re.findall(mark, prose(path), re.M)}


def test_every_exercise_is_core_or_further_and_the_core_has_what_the_course_is_about():
    found = {label: kind for path in LESSONS for label, (kind, _) in exercises(path).items()}
    assert set(found) == set(CHECKS)
    wanted = {
        "identity split": "02.2",
        "majority class": "02.4",
        "flip and shift": "03.1",
        "strides": "04.1",
        "GeM": "04.2",
        "masked cross-entropy": "05.1",
        "attention": "06.1",
        "P×K sampler": "07.2",
        "hard triplets": "08.2",
        "all triplets": "08.3",
        "weighted loss": "09.1",
        "AP with a protocol": "10.1",
        "training step": "12.1",
        "paired difference": "problems.7",
        "ranked list": "problems.9",
    }
    assert {what: found[label] for what, label in wanted.items()} == dict.fromkeys(wanted, "core")
    of_problems = [kind for label, kind in found.items() if label.startswith("problems")]
    assert of_problems.count("core") == len(of_problems) / 2


def test_the_gauge_is_the_one_that_was_agreed():
    assert LIMITS == {"words": 1600, "lines": 120, "longest": 25, "minutes": 35, "exported": 220}
    assert {"likeness", "hesitation", "crowd"} <= {*WORDS}
