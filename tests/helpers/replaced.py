"""Which exported functions of a lesson could do nothing, unnoticed: python tests/helpers/replaced.py LESSON.ipynb…

The two cells behind an exported one are its tests, and those that call themselves so. They run in this process with
what they read, the exported cells replaced by the shipped module; experiments and figures run only where that is not
enough. After each exported cell the process forks for every public function defined there; the fork makes it return
None, and the tests that follow must fail.
"""

import ast
import contextlib
import importlib
import io
import os
import re
import shutil
import signal
import symtable
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


def names(
    source: str,  # of a cell
) -> tuple[set[str], set[str]]:
    "The names that a cell makes, by import and definition too, and those that it reads, inside functions too."
    top = symtable.symtable(source, "cell", "exec")
    made = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    read, tables = {s.get_name() for s in top.get_symbols() if s.is_referenced()}, top.get_children()
    while tables:
        table = tables.pop()
        read |= {s.get_name() for s in table.get_symbols() if s.is_global()}
        tables += table.get_children()
    return made, read


def tested(
    todo: list[tuple[str, list[str]]],  # cells, in order
) -> list[tuple[str, list[str]]]:  # of them
    "Exported cells, the two cells behind each, those called tests, and those that make what these read."
    kept: list[tuple[str, list[str]]] = []
    wanted: set[str] = set()
    behind = {i + n for i, (source, _) in enumerate(todo) if exports(source) is not None for n in (1, 2)}
    for i, (source, found) in reversed(list(enumerate(todo))):
        made, read = names(source)
        called = re.search(r'^#\| code-summary: "Tests', source, re.M)
        if exports(source) is not None or called or i in behind or made & wanted:
            kept.insert(0, (source, found))
            wanted = (wanted | read) - made if exports(source) is None else wanted
    return kept


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
    todo: list[tuple[str, list[str]]],  # its cells, or some of them
) -> list[str]:  # names of functions
    "Run a lesson, and again without each of its functions."
    matplotlib.use("Agg")
    module = importlib.import_module(dotted(makes(notebook)[0]))
    shipped = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    space, missed = {"__name__": "lesson", "display": print}, []
    last = max((i for i, (_, made) in enumerate(todo) if made), default=-1)
    for i, (source, made) in enumerate(todo[: last + 2]):
        if exports(source) is not None:
            space |= shipped
        else:
            execute([source], space)
        later = [s for s, _ in todo[i + 1 :] if exports(s) is None]
        missed += [name for name in made if not is_noticed(later, space, module, name)]
    return missed


def report(
    notebook: Path,
) -> None:
    "Print a line for each function that no cell would miss: not the tests, nor the whole notebook."
    os.chdir(notebook.parent)
    todo = list(cells(notebook))
    try:
        missed = in_scratch(notebook, tested(todo))
    except Exception:  # a test rests on what another cell does, not on a name
        missed = ["unknown"]
    for found in missed and in_scratch(notebook, todo):
        print(f"{notebook.name}: {found} could return None and no cell would notice", flush=True)


def in_scratch(
    notebook: Path,
    todo: list[tuple[str, list[str]]],  # its cells, or some of them
) -> list[str]:  # names of functions
    "What goes unnoticed, with a temporary folder of its own."
    tempfile.tempdir = None
    with tempfile.TemporaryDirectory() as scratch:
        tempfile.tempdir = str(Path(scratch) / "lesson")
        Path(tempfile.tempdir).mkdir()
        return unnoticed(notebook, todo)


if __name__ == "__main__":
    if len(sys.argv) > 2:  # every child has what is imported here
        import reid_course.training  # noqa: F401

    ends = 0
    for path in sys.argv[1:]:
        child = os.fork()
        if child == 0:
            report(Path(path).resolve())
            sys.exit()
        ends |= os.waitpid(child, 0)[1]
    sys.exit(bool(ends))
