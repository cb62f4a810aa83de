"""Prove that each exported function would be missed: python tools/functions.py [NAME…], "08_triplet" or "stores"

Without names, for all notebooks whose code or package changed since it was proven. tests/helpers/replaced.py runs a
notebook on the shipped package, and again without each of its functions; where it finds nothing, results/functions.json
gets a digest of what the proof rests on, so that a test can tell when it is stale.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from lessons import digest, mark, uncommented
from listing import MADE, ROOT
from nbformat import NotebookNode

RECORD = ROOT / "results" / "functions.json"
PROVER = ROOT / "tests" / "helpers" / "replaced.py"
MAKING = list(dict.fromkeys(MADE.values()))  # the notebooks that make modules


def basis(
    notebook: NotebookNode,
) -> str:  # 16 hexadecimal digits
    "A digest of what a proof rests on: a notebook's code, the modules that it uses, the prover."
    found = mark(notebook)
    return digest(found["code"], found["package"], uncommented(PROVER.read_text(encoding="utf-8")))


def is_proven(
    path: Path,  # of a notebook
    record: Path = RECORD,
) -> bool:
    "Whether its functions were replaced as they are now."
    proven = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    return proven.get(path.stem) == basis(nbformat.read(path, as_version=4))


def note(
    path: Path,  # of a notebook
    found: str,  # its basis before it ran; "": something is wrong with it
    record: Path = RECORD,
) -> None:
    "Write down that a notebook is proven, or that it no longer is; what makes no module any more goes."
    proven = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    known = {path.stem for path in MAKING}
    proven = {name: x for name, x in (proven | {path.stem: found}).items() if x and name in known}
    record.write_text(json.dumps(proven, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def prove(
    path: Path,  # of a notebook
) -> str:  # its basis; "" if a function could do nothing unnoticed, or the notebook does not hold
    "Replace each function of a notebook, in a process and on a thread of its own."
    found = basis(nbformat.read(path, as_version=4))
    quiet = os.environ | {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, PROVER, path], env=quiet, capture_output=True, text=True)
    print(f"{path.stem}\n{done.stdout}{done.stderr}", end="", flush=True)
    return "" if done.returncode or done.stdout or done.stderr else found


def main(
    names: list[str],
) -> None:
    "Prove and record; stale notebooks only, unless they are named."
    wanted = [path for path in MAKING if path.stem in names or (not names and not is_proven(path))]
    if unknown := set(names) - {path.stem for path in wanted}:
        sys.exit(f"no notebook that makes a module: {', '.join(sorted(unknown))}")
    failed = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, found in zip(wanted, pool.map(prove, wanted), strict=True):
            note(path, found)  # at once: what is proven stays so when this is stopped
            failed += [] if found else [path.stem]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main([Path(name).stem for name in sys.argv[1:]])
