"""A new user's first hour: photos from a phone, the lines of the README, a page that finds somebody."""

import base64
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from phones import WHO, phone_folder
from PIL import Image
from readme import blocks

from reid_course.cli.main import main
from reid_course.data import load_dataset
from reid_course.engine.decode import read_image
from reid_course.training import Run


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    "A dozen people, where the README has them."
    monkeypatch.chdir(tmp_path)
    return phone_folder(tmp_path / "people", 240)


def shown_first(
    page: Path,
) -> np.ndarray:  # of each picture: whether the nearest other one is of the same person
    "What the page of a run finds."
    found = re.search(
        r'<script type="application/json" id="page">(.*?)</script>', page.read_text("utf-8"), re.S
    )
    explorer = json.loads(found[1])["explorer"]
    people = np.array([picture["person"] for picture in explorer["pictures"]])
    encoded = explorer["models"][0]["distances"]
    distances = np.frombuffer(base64.b64decode(encoded), "<f4").reshape(len(people), -1).copy()
    np.fill_diagonal(distances, np.inf)
    assert set(people) <= set(WHO)
    return people == people[distances.argmin(1)]


def test_the_lines_of_the_readme_find_somebody(photos: Path, capsys: pytest.CaptureFixture):
    lines = blocks("Your own data", "sh")[1].splitlines()
    asked = Path("people/anna/1.jpg")
    for line in lines:
        words = shlex.split(line.removeprefix(".venv/bin/"))
        if str(asked) in words:  # somebody who was held out
            who = Run("runs/people").people["valid"][0]
            words[words.index(str(asked))] = str(min((photos / who).iterdir()))
        assert words[0] == "reid-course" and main(words[1:]) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "folder layout: 60 train images; 12 people" in said and "4 held-out people, 20 images" in said
    right = shown_first(Path("runs/people/report.html"))
    assert len(right) == 20 and right.mean() >= 0.5  # by chance 4 in 19
    (ranked,) = re.findall(r"distance\n((?:.*\n){5})", said)
    assert sum(f"people/{who}/" in row for row in ranked.splitlines()) >= 2, said
    assert Image.open("runs/found.png").width > 500


def test_photos_are_read_upright_and_people_by_folder(photos: Path):
    data = load_dataset(photos)
    assert (data.layout, len(data.train), sorted(data.names.values())) == ("folder", 60, sorted(WHO))
    turns = {Image.open(path).getexif().get(0x0112) for path in data.train.path}
    assert turns == {1, 3, 6, 8} and {read_image(path).shape for path in data.train.path} == {(240, 160, 3)}
