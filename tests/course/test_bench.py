"The benches run: what they import is there, each of their cases makes its call once, small where it takes a number."

import ast
import importlib
import json
import sys
import tempfile

import numpy as np
import pytest
from listing import ROOT
from support import run

BENCH = ROOT / "bench"
SCRIPTS = sorted(BENCH.glob("*.py"))
SMALL = {  # rows that take a number, or take long without one
    "evaluate_embeddings/reid_course": 800,
    "re_rank/reid_course": 1000,
    "triplet loss, growth/reid_course": 16,
    "P×K batches, growth/reid_course": 20,
    "attribute heads, growth/reid_course": 2,
    "MiniMarket, 40 people/reid_course": 2,
} | {
    f"{row}/{who}": number
    for row, number in (("training step, ResNet", 32), ("extraction, 128 images", 2))
    for who in ("reid_course", "fp32, NCHW: what every peer runs")
}
SMALL |= {"training step, ResNet/fp32, channels last": 32}
SMALL |= {f"training step, {model}/reid_course": 32 for model in ("ConvHead", "SA")}
LARGE = "evaluate_embeddings, 100,000 × 1,000,000/reid_course"  # half an hour


@pytest.fixture
def bench(monkeypatch, tmp_path):
    "The folder of the benches, to import from; what they write is removed with the test's folder."
    monkeypatch.syspath_prepend(BENCH)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    known = set(sys.modules)
    yield importlib.import_module
    for name in {path.stem for path in SCRIPTS} & (set(sys.modules) - known):
        del sys.modules[name]


def own_imports(path):
    "Module and name of everything that a script imports of this project, inside functions too."
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reid_course"):
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_bench_imports_is_there(bench, path):
    bench(path.stem)
    gone = [(module, name) for module, name in own_imports(path) if not hasattr(bench(module), name)]
    assert gone == []


def test_cases_keep_their_names(bench):
    names, results = set(bench("cases").CASES), json.loads((BENCH / "results.json").read_text("utf-8"))
    assert set(results["cases"]) | set(bench("run").GROWTH) | set(SMALL) <= names


def test_each_case_but_those_of_peers_runs(bench, monkeypatch):
    cases, others = bench("cases"), tuple(bench("run").PEERS)
    monkeypatch.setattr(cases.people, "__defaults__", (40, 800, 750))
    monkeypatch.setattr(cases.embeddings, "__defaults__", (40, 800, 64))
    monkeypatch.setattr(cases, "distances", lambda: np.random.default_rng(2).random((40, 800), np.float32))
    for name, case in cases.CASES.items():
        row, who = name.split("/", 1)
        if (
            name != LARGE and not who.startswith(others) and not row.startswith("matrix")
        ):  # of the machine alone
            case(*([SMALL[name]] if name in SMALL else []))()


def test_a_gpu_is_measured_row_by_row(tmp_path):
    code, output = run("python", BENCH / "gpu.py", "--device", "cpu", "--out", tmp_path, seconds=600)
    assert code == 0, output
    for heading in (
        "Training steps",
        "Extraction",
        "Where the time of a step goes",
        "From files and from memory",
    ):
        assert f"## {heading}" in output
    assert list(tmp_path.iterdir()) == []


def test_heads_are_measured():
    code, output = run("python", BENCH / "heads.py", "1", "32", seconds=600)
    assert code == 0, output
    assert set(json.loads(output.splitlines()[-1])) == {"resnet", "convhead", "sa"}
