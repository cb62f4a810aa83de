"""The shape of the package: floors without a circle, small documented modules that need no course tools."""

import ast
import graphlib

import pytest
from counting import lines_of_code
from listing import (
    LESSONS,
    MADE,
    MODULES,
    PACKAGE,
    WORKSHOP,
    closure,
    dotted,
    floors,
    imports,
    modules,
    needs,
)
from support import run

ALL_OF_IT = ("cli", "")  # the command, and the front with its doors, may use everything
FLOORS = floors()  # of the modules at the top


def top(
    module: str,
) -> str:  # "engine" of "engine.files"; "" of a module that is in none
    "The sub-package that a module is in."
    return module.split(".")[0] if "." in module or MODULES[module].name == "__init__.py" else ""


def below(
    module: str,
) -> set[str]:
    "What a module may import: errors, the engine, earlier lessons; a sub-package itself too; the command everything."
    own, engine = top(module), {name for name in MODULES if top(name) == "engine"}
    if own in ALL_OF_IT and module not in FLOORS:
        return set(MODULES)
    if own == "engine":
        return {"errors"} | engine
    if own:
        return {*FLOORS, *engine, *(name for name in MODULES if top(name) == own)}
    earlier = {name for name, floor in FLOORS.items() if floor <= FLOORS[module]}
    return earlier | engine if module != "errors" else set()


# Floors


@pytest.mark.parametrize("module", sorted(set(MODULES) - {""}))
def test_module_imports_from_floors_below(module):
    assert top(module) or module in FLOORS, "no lesson's: nothing else stands at the top of the package"
    assert needs(module, MODULES) <= below(module)


def test_there_is_no_circle():
    list(graphlib.TopologicalSorter({name: needs(name, MODULES) - {name} for name in MODULES}).static_order())


def test_at_the_top_is_what_lessons_teach():
    assert {name for name in MODULES if name and not top(name)} == set(FLOORS)
    assert not [name for lesson in LESSONS for name in MADE if MADE[name] == lesson and top(name)]
    assert {name for name in MADE if MADE[name] in WORKSHOP and not top(name)} <= {"", *FLOORS}


def test_fronts_are_empty():
    fronts = {name: path for name, path in MODULES.items() if path.name == "__init__.py" and name not in MADE}
    assert {name for name, path in fronts.items() if lines_of_code(path.read_text(encoding="utf-8"))} <= {""}
    assert closure({"engine"}, MODULES) == {"engine"}


def test_every_module_can_be_imported_alone():
    "Each in a fork of a process that has imported what the package needs, and nothing of the package."
    code = f"""
import importlib, os, sys, traceback
for name in {OTHERS}: importlib.import_module(name)
assert not [name for name in sys.modules if name.split(".")[0] == "{PACKAGE}"]
for name in {[*map(dotted, MODULES)]}:
    child = os.fork()
    if child == 0:
        try: importlib.import_module(name)
        except BaseException: traceback.print_exc(); os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]: print(name, "cannot be imported alone")
"""
    assert run("python", "-c", code) == (0, "")


OTHERS = (
    "torch",
    "torchvision",
    "pandas",
    "matplotlib.pyplot",
    "seaborn",
    "scipy",
    "PIL.Image",
    "safetensors.torch",
)


def test_import_is_seen_wherever_it_stands():
    known = ["a", "b", "c", "d", "e", "p.f", "p.g", "late"]
    source = (
        "import reid_course.a\nfrom reid_course.b import x\nfrom ..c import y\nfrom .. import d\n"
        "from .f import z\nfrom . import g\nimport numpy.a\nfrom numpy import b\nimport reid_course.e.x as y"
    )
    assert imports(source, known, "p") == {"a", "b", "c", "d", "e", "p.f", "p.g"}
    assert imports("def f():\n    from reid_course import late", known) == {"late"}
    assert imports("from .p.f import x\nfrom .p import g", known) == {"p.f", "p.g"}
    assert imports("import reid_course\nreid_course.__version__", known) == set()
    for front in ("import reid_course\nreid_course.train()", "from reid_course import train"):
        assert imports(front, known) == {""}


def test_what_a_module_needs_is_followed(tmp_path):
    texts = {
        "__init__": "DOORS = {'train': 'b'}",
        "b": "from .p import f",
        "p/__init__": "import reid_course.c",
    }
    for name, text in (
        texts | {"c": "", "d": "from . import train", "p/f": "from ..e import x", "e": ""}
    ).items():
        (tmp_path / PACKAGE / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / PACKAGE / f"{name}.py").write_text(text)
    known = modules(tmp_path)
    assert set(known) == {"", "b", "c", "d", "e", "p", "p.f"}
    assert closure({"b"}, known) == {"b", "p.f", "p", "c", "e"}
    assert closure({"d"}, known) == {"d", ""} | closure({"b"}, known)


# Documentation


def undocumented(
    source: str,  # of one module
) -> list[str]:  # "name: what is missing"
    "A module, public functions, classes and methods without docstring; a parameter or result without type."
    tree = ast.parse(source)
    found = [] if ast.get_docstring(tree) or not tree.body else ["the module: docstring"]

    def look(body: list[ast.stmt], owner: str) -> None:
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            name, private = owner + node.name, node.name.startswith("_")
            if not private and not ast.get_docstring(node):
                found.append(f"{name}: docstring")
            if isinstance(node, ast.ClassDef):
                if not private:
                    look(node.body, f"{name}.")
            elif not private or owner:  # a public class's special methods are called by users too
                a = node.args
                parameters = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, [a.vararg, a.kwarg])]
                bare = [p.arg for p in parameters if not p.annotation and p.arg not in ("self", "cls")]
                found.extend(f"{name}: type of {parameter}" for parameter in bare)
                if not node.returns and node.name != "__init__":
                    found.append(f"{name}: type of the result")

    look(tree.body, "")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_defined_twice(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("module", MODULES)
def test_public_names_are_documented(module):
    assert undocumented(MODULES[module].read_text(encoding="utf-8")) == []


def test_missing_documentation_is_seen():
    source = "def f(a, *, b: int): ...\nclass C:\n    'Doc.'\n    def m(self) -> int: ...\n    def __len__(self): ..."
    missing = ["the module: docstring", "f: docstring", "f: type of a", "f: type of the result"]
    assert undocumented(source) == [*missing, "C.m: docstring", "C.__len__: type of the result"]
    assert undocumented("'Doc.'\ndef f(a: int) -> int:\n    'Doc.'\ndef _g(a): ...\nclass _C: ...") == []
    assert undocumented("") == [] and undocumented("x = 1\n'Too late.'") == ["the module: docstring"]


# Dependencies


def import_without(
    blocked: tuple[str, ...],  # packages that are made impossible to import
    *modules: str,
) -> tuple[int, str]:  # exit code and output
    "Import modules in a fresh process that lacks some packages."
    code = (
        "import importlib, sys\n"
        "class Blocker:\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {blocked}: raise ImportError(name + ' is blocked')\n"
        "sys.meta_path.insert(0, Blocker)\n"
        f"for name in {modules}: importlib.import_module(name)"
    )
    return run("python", "-c", code)


def test_package_needs_no_course_tools():
    tools = ("nbdev", "fastcore", "execnb", "IPython", "ipywidgets", "jupyterlab", "pytest")
    code, output = import_without(tools, *map(dotted, MADE))
    assert code == 0, output


def test_data_needs_no_torch():
    code, output = import_without(("torch", "torchvision", "matplotlib"), "reid_course.data")
    assert code == 0, output


def test_blocked_import_is_seen():
    code, output = import_without(("numpy",), "reid_course.data")
    assert code == 1 and "numpy is blocked" in output
