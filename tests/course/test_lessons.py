"""What every lesson says is in order: its parts, headings, links, and how it opens elsewhere."""

import json
import re
from itertools import chain, pairwise
from pathlib import Path

import pytest
from lessons import MARK, opened, opening
from listing import FRONT, LESSONS, NOTEBOOKS, ROOT, WORKSHOP, label
from notebooks import SHOWING, code, prose, read, stem


@pytest.mark.parametrize("path", NOTEBOOKS, ids=stem)
def test_first_cell_is_title_and_promise(path):
    assert re.fullmatch(r"# .+\n\n> .+", read(path).cells[0].source), "the site drops what else stands there"


@pytest.mark.parametrize(
    "path", [path for path in LESSONS if path.stem not in ("problems", "whole")], ids=stem
)
def test_lesson_has_its_parts(path):
    text = prose(path)
    for part in (
        "- **Time:** ",
        "- **You need:** ",
        "- **Afterwards you can:** ",
        "**Predict.**",
        "## Recap",
        "Next:",
    ):
        assert part in text, f"{path.name}: {part} is missing"
    assert text.count("<details>") >= 3 and text.count("<details>") == text.count("</details>")
    assert re.search(r"- \*\*Time:\*\* \d+ minutes, \d+ s of computing", text)
    stated = int(re.search(r"(\d+) s of computing", text)[1])
    assert read(path).metadata[MARK]["seconds"] <= 1.5 * stated + 5


@pytest.mark.parametrize("path", SHOWING, ids=stem)
def test_headings_are_in_order(path):
    text = re.sub(r"```.*?```", "", prose(path), flags=re.S)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.M)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels)), levels


def anchors(path: Path) -> set[str]:
    "What a link to a heading may end with, as JupyterLab and the site write it."
    titles = re.findall(r"^#+ (.+)$", prose(path), re.M)
    plain = [re.sub(r"[`*]", "", title).strip() for title in titles]
    return {t.replace(" ", "-") for t in plain} | {
        re.sub(r"[^\w\s-]", "", t).lower().replace(" ", "-") for t in plain
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=stem)
def test_links_inside_the_course_resolve(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        name, _, anchor = target.partition("#")
        there = path.parent / name if name else path
        if not re.match(r"[a-z]+:", target):
            assert there.exists(), f"{path.name} links to {target}"
            assert not anchor or there.suffix != ".ipynb" or anchor in anchors(there), (
                f"{path.name} links to {target}"
            )


@pytest.mark.parametrize("path", LESSONS, ids=stem)
def test_lesson_opens_elsewhere(path):
    lesson = read(path)
    before = [cell.source for cell in lesson.cells]
    assert [cell.source for cell in opened(lesson, path).cells] == before
    assert before[1:3] == [*opening(path.name)]


@pytest.mark.parametrize("path", [FRONT, *WORKSHOP], ids=stem)
def test_other_pages_are_read_in_the_project(path):
    assert "Open in Colab" not in prose(path) and "!git clone" not in path.read_text(encoding="utf-8")


def called(name: str) -> dict[Path, list[str]]:
    "What `check` or `expected` is called with."
    lines = re.compile(rf'^{name}\(.*"(\w+)(?:\.\d)?".*\)$', re.M)
    return {path: lines.findall("\n".join(cell.source for cell in code(path))) for path in SHOWING}


@pytest.mark.parametrize("name", ["check", "expected"])
def test_exercises_and_bands_go_by_the_name_of_their_notebook(name):
    found = {(path.stem, key) for path, keys in called(name).items() for key in keys if key != label(path)}
    assert not found


def test_bands_are_of_several_seeds():
    bands = json.loads((ROOT / "results" / "bands.json").read_text())
    assert all(entry["seeds"] >= 3 for lesson in bands.values() for entry in lesson.values())
    assert set(chain.from_iterable(called("expected").values())) == set(bands) - {"whole"} > set()


def test_planted_mistakes_fall_outside_their_bands():
    bands = json.loads((ROOT / "results" / "bands.json").read_text())
    wrong = json.loads((ROOT / "results" / "mistakes.json").read_text())
    planting = {
        label(path)
        for path in SHOWING
        if re.search(r"^MISTAKES\b", "\n".join(c.source for c in code(path)), re.M)
    }
    assert set(wrong) == planting > set()
    for lesson, mistakes in wrong.items():
        assert len(mistakes) >= 2, lesson
        for name, found in mistakes.items():
            outside = [
                q for q, x in found.items() if abs(x - bands[lesson][q]["mean"]) > bands[lesson][q]["band"]
            ]
            assert outside, f"{lesson}: {name} would go unnoticed: {found}"
