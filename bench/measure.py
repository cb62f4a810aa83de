"""Run one case in this process and print what it took: python bench/measure.py ROW/WHO THREADS ATLEAST [NUMBER]"""

import gc
import json
import os
import resource
import sys
import time
from pathlib import Path


def processor_seconds() -> float:
    "Of this process and of those it has waited for."
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def memory(
    line: str,  # "VmRSS" (now) or "VmHWM" (at most, since it was last reset)
) -> float:  # MiB
    "Memory of this process; Linux tells it."
    rows = Path("/proc/self/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith(line)) / 1024


def once(work) -> tuple[float, float, float, int]:
    "CPU seconds, seconds and extra MiB at the peak of one call, and how much it made, if it says so."
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again
    before, cpu, start = memory("VmRSS"), processor_seconds(), time.perf_counter()
    result = work()
    taken = processor_seconds() - cpu, time.perf_counter() - start
    extra = memory("VmHWM") - before
    return *taken, extra, result if isinstance(result, int) else 0


def main() -> None:
    name, threads, at_least, *number = sys.argv[1:]
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = threads
    os.environ["TQDM_DISABLE"] = "1"
    sys.path.insert(0, str(Path(__file__).parent))
    from cases import CASES

    work = CASES[name](*map(int, number))
    runs = [once(work)]
    if runs[0][1] < 20:  # the first call of a short one only warms up
        runs = [once(work)]
    while sum(seconds for _, seconds, *_ in runs) < float(at_least) and len(runs) < 200:
        runs.append(once(work))
    cpu, wall, extra, made = zip(*runs, strict=True)
    print(
        json.dumps(
            {"cpu": min(cpu), "wall": min(wall), "extra": max(extra), "calls": len(runs), "made": made[0]}
        )
    )


if __name__ == "__main__":
    main()
