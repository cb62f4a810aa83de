"""An environment that has the package's wheel and what it requires, and nothing else."""

import importlib.metadata
import re
import sysconfig
from pathlib import Path

from packaging.requirements import Requirement
from support import run


def done(*command: str | Path, cwd: Path, seconds: float = 900) -> str:
    "Everything that a command printed, which must succeed; nothing of this environment reaches it by a variable."
    free = {"PYTHONPATH": "", "PIP_CONSTRAINT": "", "PIP_BUILD_CONSTRAINT": "", "PYTHONNOUSERSITE": "1"}
    code, output = run(*command, cwd=cwd, seconds=seconds, **free)
    assert code == 0, output
    return output


def build_wheel(
    tree: Path,  # a copy of the project
    folder: Path,  # gets the wheel
) -> Path:  # its file
    "The tree as a wheel, without asking an index."
    how = ("--no-deps", "--no-build-isolation", "--no-index")
    done("python", "-m", "pip", "wheel", "-q", *how, "--wheel-dir", folder, tree, cwd=tree)
    (wheel,) = folder.glob("*.whl")
    return wheel


def required(
    wheel: Path,
) -> set[str]:  # names of distributions
    "What a wheel needs, and what that needs, as far as it is installed here."
    own = next(iter(importlib.metadata.distributions(path=[str(wheel)])))
    todo, found = list(own.requires or ()), set()
    while todo:
        need = Requirement(todo.pop())
        name = re.sub("[-_.]+", "-", need.name).lower()
        if name not in found and (not need.marker or need.marker.evaluate({"extra": ""})):
            found.add(name)
            todo += importlib.metadata.requires(name) or ()
    return found


def make_alone(
    place: Path,  # the environment to make
    wheel: Path,
) -> Path:  # the folder of its programs
    "A fresh environment with the wheel; what it requires is borrowed from the running one by links."
    done("python", "-m", "venv", "--without-pip", place, cwd=place.parent)
    install = ("install", "-q", "--no-deps", "--no-index", wheel)
    done("python", "-m", "pip", "--python", place / "bin" / "python", *install, cwd=place.parent)
    (libraries,) = place.glob("lib/python*/site-packages")
    borrowed, here = place / "borrowed", Path(sysconfig.get_path("purelib"))
    borrowed.mkdir()
    for name in required(wheel):
        files = importlib.metadata.files(name) or ()
        for top in {file.parts[0] for file in files} - {"..", "__pycache__", "pip"}:
            if not (borrowed / top).exists():
                (borrowed / top).symlink_to(here / top)
    (libraries / "borrowed.pth").write_text(str(borrowed))
    return place / "bin"
