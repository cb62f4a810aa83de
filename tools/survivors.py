"""Would the tests notice? python tools/survivors.py [PATTERN…], with mutmut's patterns ("reid_course.split*")

mutmut changes one thing at a time (a sign, a bound, a default) in the modules that pyproject.toml names, and runs their
tests. Nine changes in ten must be noticed in every module; tests/reasons/survivors.txt explains the others.
"""

import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

from listing import PACKAGE, ROOT

SURVIVORS = ROOT / "tests" / "reasons" / "survivors.txt"
LEAST = 0.9
NOTICED = {"killed", "timeout", "segfault"}  # a loop without end is noticed by whoever waits for it


def mutmut(*arguments: str) -> str:
    "Output of a mutmut command."
    quiet = os.environ | {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    command = [Path(sys.executable).with_name("mutmut"), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=quiet, text=True, capture_output=True)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout


def verdicts(
    listing: str,  # of `mutmut results --all true`
) -> dict[str, str]:  # mutant -> "killed", "survived", …
    "What became of each change that was tried."
    found = dict(re.findall(r"^\s*(reid_course\.\S+): (.+)$", listing, re.M))
    return {mutant: verdict for mutant, verdict in found.items() if verdict != "not checked"}


def module(
    mutant: str,  # "reid_course.engine.distances.x_name__mutmut_1"
) -> str:  # "engine.distances"
    "The module that was changed."
    return mutant.removeprefix(f"{PACKAGE}.").rpartition(".")[0]


def untouched(
    listing: str,  # of `mutmut results --all true`
    files: list[str],  # "reid_course/split.py", as pyproject.toml lists them
) -> list[str]:
    "The files that should have been changed, and in which nothing was: moved away, or without a function."
    changed = {module(mutant) for mutant in re.findall(r"^\s*(reid_course\.\S+): ", listing, re.M)}
    names = {file: ".".join(Path(file).with_suffix("").parts[1:]) for file in files}
    return [
        f"{file}: nothing in it was changed; expected a file with functions: mend only_mutate in pyproject.toml"
        for file, name in names.items()
        if name not in changed
    ]


def only_mutate() -> list[str]:
    "The files that pyproject.toml lists."
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"][
        "only_mutate"
    ]


def described(
    mutant: str,  # "reid_course.split.x_name__mutmut_1"
    difference: str,  # of `mutmut show`
) -> str:  # "split | - the line as it is | + as it was changed"
    "A change in words that stay true when others are added."
    lines = [line for line in difference.splitlines() if re.match(r"[-+](?![-+])", line)]
    return " | ".join([module(mutant), *(f"{line[0]} {line[1:].strip()}" for line in lines)])


def faults(
    found: dict[str, str],  # of `verdicts`
    survivors: list[str],  # of `described`
    explained: list[str],  # lines of the file: a description, and after " || " the reason
) -> list[str]:
    "What falls short: modules with too many survivors, survivors without a reason."
    all_of, noticed = Counter(), Counter()
    for mutant, verdict in found.items():
        all_of[module(mutant)] += 1
        noticed[module(mutant)] += verdict in NOTICED
    weak = [
        f"{name}: {noticed[name]} of {n} changes noticed; expected {LEAST:.0%}"
        for name, n in all_of.items()
        if noticed[name] < LEAST * n
    ]
    reasons = {line.partition(" || ")[0] for line in explained}
    return weak + [f"not noticed, not explained: {s}" for s in survivors if s not in reasons]


if __name__ == "__main__":
    mutmut("run", *sys.argv[1:])
    tried = mutmut("results", "--all", "true")
    results = verdicts(tried)
    alive = [described(m, mutmut("show", m)) for m, verdict in results.items() if verdict not in NOTICED]
    lines = SURVIVORS.read_text(encoding="utf-8").splitlines() if SURVIVORS.exists() else []
    for name, n in Counter(map(module, results)).items():
        left = sum(line.startswith(f"{name} |") for line in alive)
        print(f"{name}: {n - left} of {n} changes noticed ({(n - left) / n:.1%})")
    sys.exit("\n".join(untouched(tried, only_mutate()) + faults(results, alive, lines)) or 0)
