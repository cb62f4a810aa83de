"""The wheel, installed alone: the command and the README's Python lines work in an empty folder."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from alone import build_wheel, done, make_alone
from listing import PACKAGE, ROOT
from readme import blocks
from support import copy_tree

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.name != "posix", reason="borrows torch and the like by links"),
]
LIBRARY, OWN = "As a library", "Your own data"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("wheel")
    return build_wheel(copy_tree(place / "tree"), place / "made")


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    return make_alone(tmp_path_factory.mktemp("alone") / "env", wheel)


def test_everything_of_the_package_is_in_the_wheel(wheel):
    tracked = subprocess.run(["git", "ls-files", PACKAGE], cwd=ROOT, capture_output=True, text=True).stdout
    with zipfile.ZipFile(wheel) as file:
        names = [name for name in file.namelist() if ".dist-info/" not in name]
    data = [name for name in tracked.splitlines() if not name.endswith(".py")]
    assert sorted(name for name in names if not name.endswith(".py")) == sorted(data)
    assert sorted(names) == sorted(tracked.splitlines())
    assert {Path(name).suffix for name in data} >= {".jinja", ".js", ".woff2", ".typed"}


def test_nothing_else_is_there(programs, tmp_path):
    code = (
        "import importlib.util as u, reid_course, sys; print(reid_course.__file__);"
        "print([n for n in ('nbdev', 'fastcore', 'IPython', 'pytest', 'lancedb', 'gradio', 'onnx') if u.find_spec(n)])"
    )
    file, tools = done(programs / "python", "-c", code, cwd=tmp_path).splitlines()
    assert Path(file).is_relative_to(programs.parent) and tools == "[]"
    said = done("python", "-m", "pip", "--python", programs / "python", "check", cwd=tmp_path)
    assert "No broken requirements" in said


def test_the_demo(programs, tmp_path):
    said = done(programs / "reid-course", "demo", "--identities", "6", "--epochs", "1", cwd=tmp_path)
    out = tmp_path / "runs" / "demo"
    assert said.splitlines()[-1] == f"look at {out.relative_to(tmp_path) / 'report.html'}", said
    assert list(pd.read_csv(out / "table1.csv").columns[-3:]) == ["ResNet", "ConvHead", "SA"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Source Sans 3" in page and "font/woff2" in page and page.count("<script") >= 1
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}


def test_the_lines_for_who_wants_the_library(programs, tmp_path):
    (tmp_path / "lines.py").write_text("\n".join(blocks(LIBRARY, "python")))
    said = done(programs / "python", "lines.py", cwd=tmp_path)
    assert "backpack" in said and "distance" in said and "drawn/bounding_box_test/" in said, said


def test_the_lines_for_own_data(programs, tmp_path):
    first = blocks(OWN, "sh")[0].splitlines()[0].replace(".venv/bin/", "")
    program, *arguments = first.split()
    done(programs / program, *arguments, cwd=tmp_path)
    shutil.copy(next((tmp_path / "runs" / "mini" / "query").iterdir()), tmp_path / "photo.jpg")
    (tmp_path / "lines.py").write_text("\n".join(blocks(OWN, "py")))
    said = done(programs / "python", "lines.py", cwd=tmp_path)
    assert "uppercolor" in said and said.count("[[") == 2, said
