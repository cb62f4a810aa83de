"""A lesson or a page that is begun from the template runs, exports and passes what every other passes."""

import re
from pathlib import Path

import pytest
from listing import LESSONS, PACKAGE, ROOT, label
from support import copy_tree, run

NUMBER = f"{max(int(label(path)) for path in LESSONS if label(path).isdigit()) + 1:02d}"
PASSED = (
    "notebooks",
    "lessons",
    "outputs",
    "functions",
    "figures",
    "structure",
    "size",
    "lint",
)  # the tests of a notebook


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    "A copy of the project."
    return copy_tree(tmp_path_factory.mktemp("new") / "project")


def do(project: Path, *command: str) -> tuple[int, str]:
    "A command in the copy, on the copy's package."
    return run(*command, cwd=project, seconds=600, PYTHONPATH=str(project))


def test_what_is_begun_is_green(project):
    for kind, name in (("lesson", "giraffe"), ("page", "engine.zebra")):
        code, output = do(project, "python", "tools/new.py", kind, name)
        assert code == 0, output
    for command in (
        ("nbdev_export",),
        ("nbdev_clean",),
        ("python", "tools/lessons.py", f"{NUMBER}_giraffe", "zebra"),
        ("python", "tools/functions.py", f"{NUMBER}_giraffe", "zebra"),
        ("ruff", "check", "nbs"),
        ("ruff", "format", "--check", "nbs"),
    ):
        code, output = do(project, *command)
        assert code == 0, output
    for module, start in (("giraffe", "from .errors import"), ("engine/zebra", "from ..errors import")):
        text = (project / PACKAGE / f"{module}.py").read_text(encoding="utf-8")
        assert text.startswith('"""What the module holds') and start in text
    files = [f"tests/course/test_{name}.py" for name in PASSED]
    code, output = do(project, "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", "giraffe or zebra")
    assert code == 0 and int(re.search(r"(\d+) passed", output)[1]) >= 20, output


@pytest.mark.parametrize(
    "kind, name, said",
    [
        ("lesson", "engine.files", "is no name of a lesson's module"),
        ("page", "files", "is no name of a page's module"),
        ("lesson", "data", "makes data already"),
        ("page", "engine.files", "makes engine.files already"),
    ],
)
def test_taken_and_wrong_names_are_refused(kind, name, said):
    code, output = do(ROOT, "python", "tools/new.py", kind, name)
    assert code == 1 and said in output and output.count("\n") == 1
