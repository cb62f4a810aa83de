"""Run the notebooks and store what they show: python tools/lessons.py [NAME…], "08_triplet" or "stores"

Without names, all whose code, package or data changed since their outputs were stored. Each notebook runs in a
process of its own, as many at once as there are cores. With the outputs goes a mark of what they came from, so that a
test can tell when they are stale.
"""

import ast
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from contextlib import chdir
from functools import cache
from pathlib import Path

import nbformat
from listing import LESSONS, MODULES, NOTEBOOKS, PACKAGE, ROOT, closure, imports, plain
from nbformat import NotebookNode

BANDS = ROOT / "results" / "bands.json"
MARK = PACKAGE
CHECKS = re.compile(r"course\.(\w*checks|problem_cases)$")


def opening(
    name: str,  # of a lesson's notebook
) -> tuple[str, str]:  # the badge under its title, and the cell that installs the package where it is missing
    "What makes a lesson open elsewhere, from settings.ini."
    config = ConfigParser(delimiters=["="])
    config.read(ROOT / "settings.ini", encoding="utf-8")
    settings = config["DEFAULT"]
    place = f"{settings['user']}/{settings['repo']}"
    page = f"https://colab.research.google.com/github/{place}/blob/{settings['branch']}/nbs/{name}"
    install = (
        "#| hide\n"
        "import importlib.util\n\n"
        f'if importlib.util.find_spec("{settings["lib_name"]}") is None:  # on Colab, say\n'
        f"    !git clone -q --depth 1 {settings['git_url']} && pip install -q ./{settings['repo']}\n"
        f"    %cd {settings['repo']}/nbs"
    )
    return f"[![Open in Colab](images/colab.svg)]({page})", install


def opened(
    lesson: NotebookNode,
    path: Path,  # its file
) -> NotebookNode:  # the same notebook
    "Put badge and install cell where they belong: under a lesson's title; the workshop's readers have the project."
    badge, install = opening(path.name)
    made = [
        nbformat.v4.new_markdown_cell(badge, id="badge"),
        nbformat.v4.new_code_cell(install, id="install"),
    ]
    others = [
        c
        for c in lesson.cells
        if not re.match(r"\[!\[Open in Colab]|#\| hide\nimport importlib\.util", c.source)
    ]
    lesson.cells = [others[0], *(made if path in LESSONS else ()), *others[1:]]
    return lesson


def digest(
    *texts: str,
) -> str:  # 16 hexadecimal digits
    "A short name for exactly these texts."
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


@cache  # most notebooks use the same modules
def uncommented(
    source: str,  # Python
) -> str:  # the same for the interpreter
    "Code without comments and layout."
    return ast.unparse(ast.parse(source))


def digest_of(
    names: set[str],  # of modules
) -> str:  # 16 hexadecimal digits
    "A short name for the code of these modules; comments do not count."
    files = (MODULES[name] for name in sorted(names))
    return digest(*(uncommented(path.read_text(encoding="utf-8")) for path in files))


def mark(
    lesson: NotebookNode,
) -> dict[str, str]:  # digests of code, package, data and outputs
    "What a lesson's outputs come from. Notes in the generated files that name cells do not count."
    code = [cell for cell in lesson.cells if cell.cell_type == "code"]
    sources = [cell.source for cell in code]
    used = closure(set().union(*(imports(plain(source), MODULES) for source in sources)), MODULES)
    if "CHECKS" not in "\n".join(sources):  # a test tries every solution: what `check` prints stays as it is
        used = {name for name in used if not CHECKS.match(name)}
    named = re.findall(r"\.\./((?:results|bench)[\w/.-]*)", "\n".join(sources))  # from either shelf
    read = sorted(set(named) - {"results/bands.json", "results/mistakes.json"})
    files = [file for name in read for file in sorted([ROOT / name, *(ROOT / name).glob("**/*.json")])]
    asked = re.findall(r'^expected\(\w+, "(\w+)"\)', "\n".join(sources), re.M)
    # a page about the lessons
    about = LESSONS if re.search(r'glob\(".*\.ipynb"\)', "\n".join(sources)) else ()
    own = [BANDS, *([BANDS.with_name("mistakes.json")] if "results/mistakes.json" in named else [])]
    bands = [json.loads(file.read_text()) for file in own if file.exists()]
    return {
        "code": digest(*sources),
        "package": digest_of(used),
        "data": digest(
            *(file.read_text(encoding="utf-8") for file in files if file.is_file()),
            *(json.dumps(found.get(number)) for found in bands for number in asked),
            *(prose(path) for path in about),
        ),
        "outputs": digest(*(json.dumps(cell.outputs, sort_keys=True) for cell in code)),
    }


def prose(
    path: Path,  # of a notebook
) -> str:
    "What a notebook says, without its code."
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\0".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def is_fresh(
    lesson: NotebookNode,
) -> bool:
    "Whether the stored outputs are those of this code, this package and these data."
    stored = lesson.metadata.get(MARK, {})
    return {name: stored.get(name) for name in ("code", "package", "data", "outputs")} == mark(lesson)


def passed_over(
    cell: NotebookNode,  # of nbdev's reading of a notebook, directives kept
) -> bool:
    "Whether nbdev_test would not run it."
    from nbdev.config import get_config
    from readme import not_run

    return not_run(cell) or bool(set(get_config().tst_flags.split()) & cell.directives_.keys())


def lasting(
    outputs: list[dict],  # of a cell
    source: str = "",  # its code
) -> list[dict]:  # without sliders and the like, which end with their kernel, and without a docstring's echo
    "What of a cell's outputs can be stored."
    last = ast.parse(plain(source)).body[-1:]
    echoed = last and isinstance(last[0], ast.Expr) and isinstance(getattr(last[0].value, "value", None), str)
    return [
        o
        for o in outputs
        if "application/vnd.jupyter.widget-view+json" not in o.get("data", {})
        and not (echoed and o.get("output_type") == "execute_result")
    ]


def execute(
    path: Path,
) -> float:  # CPU seconds
    "Run a lesson here and store its outputs."
    from execnb.shell import CaptureShell
    from nbdev.process import NBProcessor

    lesson = nbformat.read(path, as_version=4)
    copy = NBProcessor(path, rm_directives=False).nb
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs = []  # or a cell that falls silent would keep what it said before
    start = time.process_time()
    with chdir(path.parent):
        CaptureShell(path).run_all(copy, exc_stop=True, preproc=passed_over)
    seconds = time.process_time() - start
    for cell, ran in zip(lesson.cells, copy.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = (
                nbformat.from_dict(lasting(ran.get("outputs", []), cell.source)),
                None,
            )
    nbformat.write(lesson, path)
    lesson = nbformat.read(path, as_version=4)  # the marks are of what stands in the file
    before, now = lesson.metadata.get(MARK, {}), mark(lesson)
    lesson.metadata[MARK] = now | least(before, now["code"], round(seconds, 1))
    nbformat.write(lesson, path)
    return seconds


def least(
    before: dict,  # the mark of an earlier run
    code: str,  # digest of what ran now
    seconds: float,  # that it took
) -> dict[str, float | bool]:
    "The shortest time seen of the same code, and whether that processor had bfloat16: a busy machine only adds."
    if before.get("code") == code and before.get("seconds", math.inf) < seconds:
        return {name: before[name] for name in ("seconds", "bf16")}
    return {"seconds": seconds, "bf16": has_bf16()}


def has_bf16() -> bool:
    "Whether this processor computes in bfloat16, as the trainings do where they can: two to four times as fast."
    import torch

    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def main(
    names: list[str],
) -> None:
    "Open, run and store; stale lessons only, unless they are named."
    stale = []
    for path in NOTEBOOKS:
        lesson = nbformat.read(path, as_version=4)
        before = [cell.source for cell in lesson.cells]
        if [cell.source for cell in opened(lesson, path).cells] != before:
            nbformat.write(lesson, path)
        if path.stem in names or (not names and not is_fresh(lesson)):
            stale.append(path)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failed = [path.name for path, code in zip(stale, pool.map(run_one, stale), strict=True) if code]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def run_one(
    path: Path,
) -> int:  # exit code
    "A lesson in a process and on a thread of its own."
    quiet = os.environ | {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, __file__, "--one", path], env=quiet, check=False).returncode


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        name = Path(sys.argv[2])
        print(f"{name.stem}  {execute(name):.0f} s", flush=True)
    else:
        main([Path(name).stem for name in sys.argv[1:]])
