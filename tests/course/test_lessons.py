"""What every lesson shows is true, small, readable and complete."""

import colorsys
import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import nbformat
import numpy as np
import pytest
from lessons import MARK, is_fresh, lasting, mark, opened, opening
from students import make_students
from support import NOTEBOOKS, ROOT, run

from reid_course.course.exercises import CHECKS
from reid_course.engine.display import PALETTE

LESSONS = [path for path in NOTEBOOKS if path.stem != "index"]
EXPORTS = [path for path in LESSONS if "default_exp" in path.read_text(encoding="utf-8")]
DRAWN = {"00_core", "01b_people", "01c_pedestrians", "02_minimarket"}  # whose subject is colour itself
stem = Path.stem.fget


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def prose(path: Path) -> str:
    "All markdown of a lesson."
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def code(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def draws(cell: nbformat.NotebookNode) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.outputs)


def shown(path: Path) -> str:
    "All text that a lesson's outputs hold."
    outputs = [output for cell in code(path) for output in cell.outputs]
    texts = [output.get("text", "") for output in outputs]
    return "\n".join(
        texts + [str(v) for o in outputs for k, v in o.get("data", {}).items() if k != "image/png"]
    )


# What is stored


@pytest.mark.parametrize("path", LESSONS, ids=stem)
def test_stored_outputs_are_those_of_this_code(path):
    assert is_fresh(read(path)), f"{path.name} changed since it was run, or what it uses did: make lessons"


@pytest.mark.parametrize("path", LESSONS, ids=stem)
def test_outputs_hold_no_machine_and_no_warning(path):
    assert not re.search(r"/(home|root|Users|tmp)/|[A-Z]:\\|" + re.escape(str(ROOT)), shown(path))
    assert "<matplotlib." not in shown(path), "end the cell's last line with a semicolon"
    assert not [o for cell in code(path) for o in cell.outputs if o.get("name") == "stderr"]
    assert path.stat().st_size <= 400_000


def test_the_course_runs_in_a_quarter_of_an_hour():
    seconds = {path.stem: read(path).metadata[MARK]["seconds"] for path in LESSONS}
    assert max(seconds.values()) <= 90 and sum(seconds.values()) <= 15 * 60, seconds


def test_mark_follows_code_package_data_and_outputs():
    lesson = read(ROOT / "nbs" / "08_triplet.ipynb")
    before = mark(lesson)
    lesson.cells[3].source += " "  # prose
    assert mark(lesson) == before
    last = next(cell for cell in reversed(lesson.cells) if cell.cell_type == "code" and cell.outputs)
    last.outputs = []
    assert mark(lesson) | {"outputs": ""} == before | {"outputs": ""} and mark(lesson) != before
    last.source += "\nfrom reid_course.cli import main"
    assert mark(lesson)["code"] != before["code"] and mark(lesson)["package"] != before["package"]


# What is written


@pytest.mark.parametrize("path", NOTEBOOKS, ids=stem)
def test_first_cell_is_title_and_promise(path):
    assert re.fullmatch(r"# .+\n\n> .+", read(path).cells[0].source), "the site drops what else stands there"


@pytest.mark.parametrize("path", LESSONS, ids=stem)
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


@pytest.mark.parametrize("path", LESSONS, ids=stem)
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
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = path.parent / name if name else path
        assert there.exists(), f"{path.name} links to {target}"
        assert not anchor or anchor in anchors(there), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", LESSONS, ids=stem)
def test_lesson_opens_elsewhere(path):
    lesson = read(path)
    before = [cell.source for cell in lesson.cells]
    assert [cell.source for cell in opened(lesson, path.name).cells] == before
    badge, install = opening(path.name)
    assert before[1:3] == [badge, install]


# Figures


@pytest.mark.parametrize("path", LESSONS, ids=stem)
def test_figures_are_described_and_take_their_colours_from_the_palette(path):
    for cell in code(path):
        if draws(cell):
            assert re.search(r'^#\| fig-alt: ".{40,}"$', cell.source, re.M), (
                f"{path.name}: {cell.source[:200]}"
            )
        if path.stem not in DRAWN:
            assert not re.search(r"""["']#[0-9a-fA-F]{6}["']|\b(?:color|c)=["'](?!none)""", cell.source), (
                cell.source
            )


BLIND = {  # what each kind of eye makes of linear RGB (Machado et al. 2009, full severity)
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TOGETHER = [
    ("MFC", "ResNet", "ConvHead", "SA"),
    ("train", "valid"),
    ("right", "wrong"),
    ("plain", "wrong", "ink"),
    ("plain", "query", "ink"),
]


def lab(name: str, eye: str = "") -> np.ndarray:
    "A colour of the palette as an eye sees it, in CIELAB."
    rgb = np.array([int(PALETTE[name][i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    linear = np.clip(np.array(BLIND.get(eye, np.eye(3))) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ linear / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", ["", *BLIND])
@pytest.mark.parametrize("names", TOGETHER, ids="-".join)
def test_colours_used_together_differ_for_every_eye(names, eye):
    far = {(a, b): np.linalg.norm(lab(a, eye) - lab(b, eye)) for a in names for b in names if a < b}
    assert min(far.values()) >= 12, far


@pytest.mark.parametrize("names", TOGETHER[:2], ids="-".join)
def test_curves_differ_in_grey(names):
    light = sorted(lab(name)[0] for name in names)
    assert min(b - a for a, b in pairwise(light)) >= 8, light


def test_lab_is_right():
    assert colorsys.rgb_to_hls(0, 0, 0)[1] == 0
    assert np.allclose(lab("ink"), [21.2, 0, 0], atol=0.5)  # grey #333333


# Copies for students, and functions that no cell would miss


def test_students_get_no_solution(tmp_path):
    copies = make_students(tmp_path / "student")
    assert [path.name for path in copies] == [path.name for path in NOTEBOOKS]
    for path in copies:
        cells = code(path)
        text = "\n".join(cell.source for cell in cells)
        assert "nbdev_export(" not in text and "#| solution" not in text
        own = re.findall(rf'^check\("{path.stem[:2]}", \w+\)', text, re.M)
        assert text.count('raise NotImplementedError("your turn")') == len(own)
        assert not any("jupyter" in cell.metadata for cell in cells), "a stub is to be seen"


def without_functions(path: Path) -> tuple[int, str]:
    "A lesson run on the exported package, and again without each of its functions: exit code, what went unnoticed."
    return run("python", ROOT / "tests" / "helpers" / "replaced.py", path, seconds=600)


@pytest.mark.parametrize("path", EXPORTS, ids=stem)
def test_lesson_holds_for_the_package_and_would_miss_each_function(path):
    assert without_functions(path) == (0, "")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    "A project of one lesson, whose package does what the lesson says."
    shutil.copy(ROOT / "settings.ini", tmp_path)
    (tmp_path / "nbs").mkdir()
    (tmp_path / "reid_course").mkdir()
    (tmp_path / "reid_course" / "__init__.py").touch()
    cells = [
        "#| default_exp one",
        "#| export\ndef one(): return 1\n\ndef two(): return 2",
        "assert one() == 1",
    ]
    lesson = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(lesson, tmp_path / "nbs" / "00_one.ipynb")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_function_that_no_cell_would_miss_is_named(tiny):
    (tiny / "reid_course" / "one.py").write_text("def one(): return 1\n\ndef two(): return 2\n")
    exit_code, output = without_functions(tiny / "nbs" / "00_one.ipynb")
    assert exit_code == 0 and output == "00_one.ipynb: two could return None and no cell would notice\n"


def test_lesson_that_does_not_hold_for_the_package_fails(tiny):
    (tiny / "reid_course" / "one.py").write_text("def one(): return 3\n\ndef two(): return 2\n")
    exit_code, output = without_functions(tiny / "nbs" / "00_one.ipynb")
    assert exit_code == 1 and "AssertionError" in output


def called(name: str) -> set[str]:
    "The lesson numbers that `check` or `expected` is called with."
    lines = re.compile(rf'^{name}\(.*"(\w+)".*\)$', re.M)
    return {n for path in LESSONS for cell in code(path) for n in lines.findall(cell.source)}


def test_bands_are_of_several_seeds():
    bands = json.loads((ROOT / "results" / "bands.json").read_text())
    assert all(entry["seeds"] >= 3 for lesson in bands.values() for entry in lesson.values())
    assert called("expected") == set(bands) > set()


def test_every_exercise_stands_in_its_lesson():
    assert called("check") == set(CHECKS)


def test_echo_of_a_docstring_is_not_stored():
    echo, widget = (
        {"output_type": "execute_result"},
        {"data": {"application/vnd.jupyter.widget-view+json": 1}},
    )
    install = "if x:\n    !git clone\n    %cd y\n"
    assert lasting([echo, widget], f'{install}SIZE = 3\n"How large."') == []
    assert lasting([echo, widget], f'{install}"a, b".split()') == [echo]
    assert lasting([{"output_type": "stream"}], "x = 1") == [{"output_type": "stream"}]
