"""What says how far the tests can be trusted: mistakes that none would notice, code that none reaches."""

import survivors
import unreached
from support import ROOT

LISTING = """
    reid_course.split.x_held__mutmut_1: killed
    reid_course.split.x_held__mutmut_2: survived
    reid_course.split.x_held__mutmut_3: timeout
    reid_course.split.x_held__mutmut_4: no tests
    reid_course.triplet.xǁLossǁforward__mutmut_1: killed
    reid_course.triplet.xǁLossǁforward__mutmut_2: not checked
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


def test_survivor_needs_a_reason():
    survivor = survivors.described("reid_course.split.x_held__mutmut_2", DIFFERENCE)
    assert survivor == "split | - return n < 2 | + return n <= 2"
    assert survivors.faults({}, [survivor], []) == [f"not noticed, not explained: {survivor}"]
    assert survivors.faults({}, [survivor], [f"{survivor} || two is never asked for"]) == []


def test_code_that_is_not_reached_is_named_by_its_first_line(tmp_path):
    (tmp_path / "one.py").write_text(
        "def f(x):\n    if x:\n        a = 1\n\n        return a\n    return 2\n"
    )
    report = {"files": {"one.py": {"missing_lines": [3, 5], "missing_branches": [[2, 3]]}}}
    assert unreached.misses(report, tmp_path) == ["one | a = 1"]
    report = {"files": {"one.py": {"missing_lines": [], "missing_branches": [[2, 6]]}}}
    assert unreached.misses(report, tmp_path) == ["one | if x:"]


def test_every_reason_is_of_a_line_that_is_there():
    for file in (survivors.SURVIVORS, unreached.UNREACHED):
        for line in file.read_text(encoding="utf-8").splitlines():
            what, _, why = line.partition(" || ")
            module, source = what.split(" | ")[:2]
            text = (ROOT / "reid_course" / f"{module}.py").read_text(encoding="utf-8")
            assert why and source.removeprefix("- ") in text, line
