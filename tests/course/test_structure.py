"""The shape of the package: a ladder of small, documented modules that need no course tools."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest
from support import NOTEBOOKS, ROOT, run

PACKAGE = ROOT / "reid_course"
MODULES = sorted(path for path in PACKAGE.glob("*.py") if not path.name.startswith("_"))
LONGEST = 250  # lines of code


def stem(path: Path) -> str:
    return path.stem


def ladder() -> list[str]:
    "The modules in the order of their lessons."
    texts = [notebook.read_text(encoding="utf-8") for notebook in NOTEBOOKS]
    return [name for text in texts for name in re.findall(r"#\| default_exp (\w+)", text)]


def imports(
    source: str,  # of one module
) -> set[str]:  # names of this package's modules
    "What a module takes from the package, inside functions and for the type checker too."
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            start = "reid_course." * (node.level > 0) + (node.module or "")
            found |= {start, *(f"{start.rstrip('.')}.{alias.name}" for alias in node.names)}
    return {name.split(".")[1] for name in found if name.startswith("reid_course.") and name.split(".")[1]}


def lines_of_code(
    source: str,
) -> int:
    "Lines that hold code; blank lines, comments and docstrings hold none."
    quiet = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type not in quiet]
    strings = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr)]
    docs = [n for n in strings if isinstance(n.value, ast.Constant) and isinstance(n.value.value, str)]
    code = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return len(code - {line for doc in docs for line in range(doc.lineno, doc.end_lineno + 1)})


def undocumented(
    source: str,  # of one module
) -> list[str]:  # "name: what is missing"
    "Public functions, classes and methods without docstring, and those with a parameter or result without type."
    found = []

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

    look(ast.parse(source).body, "")
    return found


@pytest.mark.parametrize("module", MODULES, ids=stem)
def test_lesson_imports_only_from_lessons_before_it(module):
    order = ladder()
    assert imports(module.read_text(encoding="utf-8")) <= set(order[: order.index(module.stem)])


def test_import_is_seen_wherever_it_stands():
    source = (
        "import reid_course.a\nfrom reid_course.b import x\nfrom .c import y\nfrom . import d\nimport numpy"
    )
    assert imports(source) == {"a", "b", "c", "d"}
    assert imports("def f():\n    from reid_course import late") == {"late"}


@pytest.mark.parametrize(
    "path", [*MODULES, *(ROOT / "tests").glob("*.py"), *(ROOT / "tools").glob("*.py")], ids=stem
)
def test_file_is_short(path):
    assert lines_of_code(path.read_text(encoding="utf-8")) <= LONGEST


def test_only_code_is_counted():
    source = '"""Doc\nstring."""\n\n# comment\ndef f(\n    a,  # what\n):\n    "Doc."\n    return """two\nlines"""\n'
    assert lines_of_code(source) == 5


@pytest.mark.parametrize("module", MODULES, ids=stem)
def test_public_names_are_documented(module):
    assert undocumented(module.read_text(encoding="utf-8")) == []


def test_missing_documentation_is_seen():
    source = "def f(a, *, b: int): ...\nclass C:\n    'Doc.'\n    def m(self) -> int: ...\n    def __len__(self): ..."
    missing = ["f: docstring", "f: type of a", "f: type of the result"]
    assert undocumented(source) == [*missing, "C.m: docstring", "C.__len__: type of the result"]
    assert undocumented("def f(a: int) -> int:\n    'Doc.'\ndef _g(a): ...\nclass _C: ...") == []


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
    code, output = import_without(tools, *(f"reid_course.{module.stem}" for module in MODULES))
    assert code == 0, output


def test_data_needs_no_torch():
    code, output = import_without(("torch", "torchvision", "matplotlib"), "reid_course.data")
    assert code == 0, output


def test_blocked_import_is_seen():
    code, output = import_without(("numpy",), "reid_course.data")
    assert code == 1 and "numpy is blocked" in output
