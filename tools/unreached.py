"""What no test reaches: python tools/unreached.py, after `coverage combine`

Each stretch of code that neither a lesson nor a test runs, and each branch that is never taken, stands in
tests/reasons/unreached.txt with a reason.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from listing import ROOT

UNREACHED = ROOT / "tests" / "reasons" / "unreached.txt"


def misses(
    report: dict,  # of `coverage json`
    root: Path = ROOT,
) -> list[str]:  # "engine.files | the line that is not reached", or whose branch is not taken
    "The first line of each stretch, in words that stay true when others are added."
    found = []
    for name, file in report["files"].items():
        source = [line.strip() for line in (root / name).read_text(encoding="utf-8").splitlines()]
        lines, module = set(file["missing_lines"]), ".".join(Path(name).with_suffix("").parts[1:])
        first = {line for line in lines if not lines & {line - 1, line - 2}}  # a blank line parts nothing
        first |= {
            line for line, target in file["missing_branches"] if line not in lines and target not in lines
        }
        found += [f"{module} | {source[line - 1]}" for line in sorted(first)]
    return found


def explained() -> set[str]:
    "The misses that have a reason."
    lines = UNREACHED.read_text(encoding="utf-8").splitlines() if UNREACHED.exists() else []
    return {line.partition(" || ")[0] for line in lines}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coverage.json"
        subprocess.run(
            [Path(sys.executable).with_name("coverage"), "json", "-q", "-o", file], cwd=ROOT, check=True
        )
        found = misses(json.loads(file.read_text()))
    sys.exit(
        "\n".join(f"not reached, not explained: {miss}" for miss in found if miss not in explained()) or 0
    )
