"""What the fuzz tests share: how many cases, how long, how much memory, and how to damage a file."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from reid_course.data import Dataset, load_dataset
from reid_course.errors import ReidError
from reid_course.minimarket import make_minimarket
from reid_course.model import build_model

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


@pytest.fixture(scope="module")
def memory_is_bounded() -> Iterator[None]:
    "All cases together stay within the bound."
    if sys.platform != "linux":
        yield
        return
    build_model("resnet")  # what PyTorch itself takes at first use is not the cases'
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = memory("VmRSS")
    yield
    assert memory("VmHWM") - before < BYTES


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "A folder for all cases of a file of tests."
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def dataset(place: Path) -> Dataset:
    "A sound data set, whose files are spoilt and mended."
    return load_dataset(make_minimarket(place / "course", 6, (16, 8), "course", images_per_identity=3))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("imagenet")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)


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
