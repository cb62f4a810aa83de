"""One tree for two nbdevs: 2.4.14, which people type and CI runs, and 3, which reads pyproject.toml."""

import re
import runpy
import subprocess
import sysconfig
import tomllib
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from listing import PACKAGE, ROOT
from support import copy_tree, run

import reid_course

THREE = ("nbdev==3.3.26", "fastcore==2.2.41", "execnb==0.3.4", "ghapi==2.1.4")
TRIED = ("02_split", "workshop/files")  # a lesson and a page of the workshop, quick ones
TEXT: dict[str, Any] = {"capture_output": True, "text": True, "check": True}
ITS_OWN = {"allowed_out_metadata_keys"}  # 2.4.14 keeps what outputs say of themselves


def test_both_are_told_the_same():
    with (ROOT / "pyproject.toml").open("rb") as file:
        three = tomllib.load(file)["tool"]["nbdev"]
    config = ConfigParser(delimiters=["="])
    config.read(ROOT / "settings.ini", encoding="utf-8")
    two = config["DEFAULT"]
    as_written = {
        name: " ".join(value) if isinstance(value, list) else str(value) for name, value in three.items()
    }
    assert {name: two.get(name) for name in as_written if name not in ITS_OWN} == {
        name: value for name, value in as_written.items() if name not in ITS_OWN
    }
    assert reid_course.__version__ == two["version"]  # 3 reads what nbs/workshop/front.ipynb says
    told = {"lib_path", "nbs_path", "recursive", "custom_sidebar", "update_pyproject", "tst_flags"}
    assert told | {"allowed_metadata_keys", "allowed_cell_metadata_keys"} <= set(three)


def done(*command: str | Path, cwd: Path) -> str:
    "Everything that a command printed, which must succeed; no constraint and no path of this environment reaches it."
    code, output = run(
        *command, cwd=cwd, seconds=900, PIP_CONSTRAINT="", PIP_BUILD_CONSTRAINT="", PYTHONPATH=""
    )
    assert code == 0, output
    return output


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    "An environment with nbdev 3, which finds torch and the like in the running one."
    place = tmp_path_factory.mktemp("three") / "env"
    done("python", "-m", "venv", place, cwd=place.parent)
    done(place / "bin" / "pip", "install", "-q", *THREE, cwd=place.parent)
    (libraries,) = place.glob("lib/python*/site-packages")
    (libraries / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return place / "bin"


def defined(index: Path) -> dict[str, dict]:
    "What a package's index says of each module that defines something: version 3 leaves the others out."
    return {module: names for module, names in runpy.run_path(str(index))["d"]["syms"].items() if names}


@pytest.mark.long
def test_three_makes_the_same_of_this_tree(programs, tmp_path):
    tree = copy_tree(tmp_path)
    done("nbdev_export", cwd=tree)
    done("nbdev_clean", cwd=tree)
    subprocess.run("git init -q && git add --all", shell=True, cwd=tree, check=True)
    index = tree / PACKAGE / "_modidx.py"
    names = defined(index)
    done(programs / "nbdev-export", cwd=tree)
    done(programs / "nbdev-clean", cwd=tree)
    lines = subprocess.run(["git", "diff", "-U0", "--", f":!{PACKAGE}/_modidx.py"], cwd=tree, **TEXT).stdout
    changed = {line for line in lines.splitlines() if re.match(r"[-+](?!--|\+\+)", line)}
    untracked = subprocess.run(["git", "ls-files", "-o", "--exclude-standard"], cwd=tree, **TEXT).stdout
    assert not untracked and changed <= {
        "-#| code-fold: true"
    }  # is for the site alone, and 2.4.14 leaves it in
    assert defined(index) == names, "more than the settings differ"
    for name in TRIED:
        said = done(programs / "nbdev-test", f"nbs/{name}.ipynb", "--do-print", "--n-workers", "0", cwd=tree)
        assert f"{name}.ipynb\nSuccess." in said and "Completed" in said
