"""What the fuzz tests share: how many cases, how long, how much memory, and how to damage a file."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from reid_course.core import ReidError

CASES = os.environ.get("REID_FUZZ")
SECONDS, BYTES = (
    20,
    512 * 2**20,
)  # the most that a case may take, and all of them together may add to the process
fuzz = settings(
    max_examples=int(CASES or 25),
    deadline=None,  # a busy machine is slow; what hangs is found by an alarm
    derandomize=not CASES,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Hang(BaseException):
    "Nothing that catches every Exception catches this."


def stop(*_: object) -> None:
    raise Hang


def outcome(act: Callable[[], object], *named: object) -> object:
    "A result, or None after a ReidError that names one of these; anything else goes through."
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, stop)
        signal.alarm(SECONDS)
    try:
        return act()
    except ReidError as error:
        assert any(str(name) in str(error) for name in named), error
        return None
    finally:
        if hasattr(signal, "SIGALRM"):
            signal.alarm(0)


def memory(line: str) -> int:
    "Bytes of this process, as Linux says."
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(row for row in status.splitlines() if row.startswith(line)).split()[1])


def mangled(data: bytes) -> st.SearchStrategy[bytes]:
    "These bytes with some overwritten, cut off, put in or repeated."
    kinds = st.sampled_from(("set", "cut", "insert", "repeat"))
    edits = st.lists(
        st.tuples(kinds, st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=5
    )

    def edited(edits: list[tuple[str, float, bytes]]) -> bytes:
        out = bytearray(data)
        for kind, share, new in edits:
            i = int(share * len(out))
            if kind == "cut":
                del out[i:]
            else:
                out[i : i + len(new) * (kind == "set")] = (
                    new if kind != "repeat" else out[max(0, i - 64) : i] * 3
                )
        return bytes(out)

    return edits.map(edited)
