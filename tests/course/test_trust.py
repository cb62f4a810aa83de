"""What says how far the tests can be trusted: mistakes that none would notice, code that none reaches."""

import cells
import pytest
import survivors
import unreached
from listing import MODULES, PACKAGE, ROOT
from mutmut.mutation.file_mutation import mutate_file_contents

LISTING = """
    reid_course.split.x_held__mutmut_1: killed
    reid_course.split.x_held__mutmut_2: survived
    reid_course.split.x_held__mutmut_3: timeout
    reid_course.split.x_held__mutmut_4: no tests
    reid_course.triplet.xǁLossǁforward__mutmut_1: killed
    reid_course.engine.losses.xǁLossǁforward__mutmut_2: not checked
"""
DIFFERENCE = """# reid_course.split.x_held__mutmut_2: survived
--- reid_course/split.py
+++ reid_course/split.py
@@ -1,4 +1,4 @@
 def held(n):
-    return n < 2
+    return n <= 2
"""


def test_mistakes_are_counted_by_module():
    found = survivors.verdicts(LISTING)
    assert len(found) == 5 and set(found.values()) == {"killed", "survived", "timeout", "no tests"}
    weak = survivors.faults(found, [], [])
    assert weak == ["split: 2 of 4 changes noticed; expected 90%"]


def test_listed_file_without_mistakes_is_named():
    files = ["reid_course/split.py", "reid_course/engine/losses.py", "reid_course/losses.py"]
    (said,) = survivors.untouched(LISTING, files)
    assert said.startswith("reid_course/losses.py: nothing in it was changed")


@pytest.mark.parametrize("file", survivors.only_mutate())
def test_every_file_for_mistakes_is_a_module_and_has_some(file):
    assert ROOT / file in MODULES.values()
    code = (ROOT / file).read_text(encoding="utf-8")
    assert len(mutate_file_contents(file, code).mutant_names) > 50


def test_a_file_without_functions_has_no_mistakes():
    assert not mutate_file_contents("reid_course/empty.py", "from .split import f\n").mutant_names


def test_survivor_needs_a_reason():
    survivor = survivors.described("reid_course.split.x_held__mutmut_2", DIFFERENCE)
    assert survivor == "split | - return n < 2 | + return n <= 2"
    assert survivors.faults({}, [survivor], []) == [f"not noticed, not explained: {survivor}"]
    assert survivors.faults({}, [survivor], [f"{survivor} || two is never asked for"]) == []


@pytest.mark.parametrize("name", cells.MODULES)
def test_what_make_mutants_runs_of_a_lesson_holds(name, monkeypatch):
    cells.test_cells_hold(name, monkeypatch)


def test_what_a_training_leaves_is_passed_over():
    run = "def run(x):\n    return x\n\nplain = run(1)"
    after, other = (
        "def g():\n    return plain\n\nassert g()",
        "def g(plain):\n    return plain\n\nassert g(1)",
    )
    again, test = "plain = 2", "assert plain"
    assert cells.untrained([run, after, other, test, again, test]) == [other, again, test]


def test_only_cells_that_a_test_needs_are_run():
    assert cells.needed(["a = 1", "b = 2", "def f():\n    return a", "assert f()", "f()"]) == [
        "a = 1",
        "def f():\n    return a",
        "assert f()",
    ]


def test_code_that_is_not_reached_is_named_by_its_first_line(tmp_path):
    (tmp_path / "reid_course" / "engine").mkdir(parents=True)
    (tmp_path / "reid_course" / "engine" / "one.py").write_text(
        "def f(x):\n    if x:\n        a = 1\n\n        return a\n    return 2\n"
    )
    report = {"files": {"reid_course/engine/one.py": {"missing_lines": [3, 5], "missing_branches": [[2, 3]]}}}
    assert unreached.misses(report, tmp_path) == ["engine.one | a = 1"]
    report = {"files": {"reid_course/engine/one.py": {"missing_lines": [], "missing_branches": [[2, 6]]}}}
    assert unreached.misses(report, tmp_path) == ["engine.one | if x:"]


def test_every_reason_is_of_a_line_that_is_there():
    files = MODULES | {"_modidx": ROOT / PACKAGE / "_modidx.py"}
    for file in (survivors.SURVIVORS, unreached.UNREACHED):
        for line in file.read_text(encoding="utf-8").splitlines():
            what, _, why = line.partition(" || ")
            module, source = what.split(" | ")[:2]
            text = files[module].read_text(encoding="utf-8")
            assert why and source.removeprefix("- ") in text, line
