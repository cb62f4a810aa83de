"""Which exported functions of a lesson could do nothing, unnoticed: python tests/helpers/replaced.py LESSON.ipynb

The lesson runs in this process as far as the test of its last definition, its exported cells replaced by the shipped
module. After each of them the process forks for every public function defined there; the fork makes it return None, and
the cells that follow must fail.
"""

import ast
import contextlib
import importlib
import io
import os
import re
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import matplotlib
from nbdev.config import get_config

sys.path.insert(
    0, str(Path(__file__).parents[2] / "tools")
)  # in a process of its own there is no pytest to do it

from listing import code, dotted, exports, makes

SECONDS = 120  # what a fork may take to fail


def cells(
    notebook: Path,
) -> Iterator[tuple[str, list[str]]]:  # code, and the public names that it exports
    "The cells that a test runs, in their order."
    flags = set(get_config().tst_flags.split()) | {"eval: false"}
    for source in code(notebook):
        directives = re.findall(r"^#\|\s*(.+?)\s*$", source, re.M)
        passed_over = flags & set(directives) or "find_spec" in source
        if exports(source) is not None:
            yield source, public(source)
        elif not passed_over:
            yield source, []


def promises(
    function: ast.FunctionDef,
) -> bool:
    "Whether it has nothing but a docstring and `...`, as the methods of a protocol."
    return all(isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) for line in function.body)


def public(
    source: str,  # of a cell
) -> list[str]:  # "name" or "Class.name"
    "The functions and methods without a leading underscore."
    found = []
    for node in ast.parse(source).body:
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        members = node.body if owner else [node]
        functions = [
            m.name
            for m in members
            if isinstance(m, ast.FunctionDef) and not m.name.startswith("_") and not promises(m)
        ]
        found += [owner + name for name in functions]
    return found


def nothing(*args: object, **kwargs: object) -> None:
    "What every function is replaced by."


def replace(
    space: dict,  # the lesson's names
    module: object,  # the shipped one
    name: str,  # "name" or "Class.name"
) -> None:
    "Make a function return None, for the lesson and for the module."
    owner, _, method = name.rpartition(".")
    if not owner:
        space[method] = nothing
        setattr(module, method, nothing)
        return
    kind = type(vars(space[owner])[method])
    wrapped = kind(nothing) if kind in (property, classmethod, staticmethod) else nothing
    setattr(space[owner], method, wrapped)


def execute(
    sources: list[str],
    space: dict,
) -> None:
    "Run cells, quietly."
    with contextlib.redirect_stdout(io.StringIO()):
        for source in sources:
            exec(compile(source, "cell", "exec"), space)


def is_noticed(
    sources: list[str],  # the cells that follow
    space: dict,
    module: object,
    name: str,
) -> bool:
    "Whether the rest of the lesson fails without this function; in a fork, so that nothing is spoilt here."
    before = Path(f"{tempfile.tempdir}.before")  # the fork shares the disk: what it writes there is undone
    shutil.copytree(tempfile.gettempdir(), before, symlinks=True)  # a loop of links is a case of one page
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # lancedb's: no thread of its own is in the middle of anything
        child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)  # a lesson that hangs has noticed as well
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            replace(space, module, name)
            execute(sources, space)
        except BaseException:
            os._exit(0)
        os._exit(1)
    noticed = os.waitpid(child, 0)[1] != 1 << 8
    shutil.rmtree(tempfile.gettempdir())
    before.rename(tempfile.gettempdir())
    return noticed


def unnoticed(
    notebook: Path,
) -> list[str]:  # names of functions
    "Run a lesson, and again without each of its functions."
    matplotlib.use("Agg")
    todo = list(cells(notebook))
    module = importlib.import_module(dotted(makes(notebook)[0]))
    shipped = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    space, missed = {"__name__": "lesson", "display": print}, []
    last = max((i for i, (_, names) in enumerate(todo) if names), default=-1)
    for i, (source, names) in enumerate(todo[: last + 2]):
        if exports(source) is not None:
            space |= shipped
        else:
            execute([source], space)
        later = [s for s, _ in todo[i + 1 :] if exports(s) is None]
        missed += [name for name in names if not is_noticed(later, space, module, name)]
    return missed


if __name__ == "__main__":
    path = Path(sys.argv[1]).resolve()
    os.chdir(path.parent)
    scratch = tempfile.TemporaryDirectory()
    tempfile.tempdir = str(Path(scratch.name) / "lesson")
    Path(tempfile.tempdir).mkdir()
    for found in unnoticed(path):
        print(f"{path.name}: {found} could return None and no cell would notice")
