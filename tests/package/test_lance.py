"""A gallery on disk: killed, damaged, added to while it is searched, elsewhere, and without LanceDB."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from galleries import WIDTH, both, pictures

from reid_course.engine.lance import Disk
from reid_course.errors import ReidError
from reid_course.retrieval import Gallery

posix = pytest.mark.skipif(os.name != "posix", reason="kill -9 is a thing of POSIX systems")
KILLS, BATCH = 5, 7
ADDER = f"""
import sys
import numpy as np, pandas as pd
from reid_course.engine.lance import Disk

store, name, times = Disk(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
for _ in range(times):
    n = len(store)
    rows = np.arange(n, n + {BATCH})
    table = pd.DataFrame({{"path": [f"{{name}}{{row}}.jpg" for row in rows]}})
    points = np.repeat(rows[:, None], {WIDTH}, 1).astype(np.float32)
    yes = {{"a": 0.2, "b": 0.4, "c": 0.6}}[name]
    p = np.repeat([[1 - yes, yes]], {BATCH}, 0).astype(np.float32)
    store.add(points, table, {{"hat": p}}, {{"hat": {{"classes": ["no", "yes"], "role": "attribute"}}}})
    print(n + {BATCH}, flush=True)
"""


def start(*arguments: object) -> subprocess.Popen[str]:
    "A process that adds batches, and says so after each."
    command = [sys.executable, "-c", ADDER, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# Killed, and several at once


@posix
def test_killed_while_adding_loses_nothing(tmp_path: Path):
    uri, seed, said = tmp_path / "people.lance", random.randrange(10**6), 0
    chance = random.Random(seed)
    print(f"seed {seed}")
    for _ in range(KILLS):
        process = start(uri, "a", 10**6)
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        for _ in range(chance.randrange(1, 6)):
            said = int(process.stdout.readline())
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        said = int((process.stdout.read().split() or [said])[-1])
        process.wait()
        gallery = Gallery.open(uri)
        assert len(gallery) % BATCH == 0 and said <= len(gallery) <= said + BATCH
        assert gallery.table.path.tolist() == [f"a{i}.jpg" for i in range(len(gallery))]
        assert np.array_equal(gallery.embeddings[:, 0], np.arange(len(gallery)))
        assert gallery.search(np.full(WIDTH, said - 1.0), top=1).path.item() == f"a{said - 1}.jpg"
    assert gallery.index() == len(gallery) >= KILLS * BATCH


@pytest.mark.parametrize("there", [True, False])  # a gallery to add to, or one that both want to make
def test_several_that_add_at_once_lose_nothing_and_mix_nothing_up(tmp_path: Path, there: bool):
    uri = tmp_path / "people.lance"
    if there:
        Gallery(uri).add(np.ones((1, WIDTH)), pd.DataFrame({"path": ["0"]}), {"hat": np.ones((1, 2)) / 2})
    processes = [start(uri, name, 8) for name in "abc"]
    for process in processes:
        assert process.wait(120) == 0, process.stderr.read()
    gallery = Gallery.open(uri)
    counts = dict.fromkeys("abc", 8 * BATCH) | ({"0": 1} if there else {})
    assert gallery.table.path.str[0].value_counts().to_dict() == counts
    found = gallery.search(where={"hat": "yes"}, top=500)
    assert sorted(found.index) == list(range(len(gallery)))  # every row has a number of its own
    assert np.allclose(found.score, found.path.str[0].map({"0": 0.5, "a": 0.2, "b": 0.4, "c": 0.6}))
    assert [file.name for file in tmp_path.iterdir()] == ["people.lance"]


def test_search_goes_on_while_another_adds_and_indexes(tmp_path: Path):
    x, table, p = pictures(400, 1)
    x += np.arange(400)[:, None] / 1000  # nobody twice
    uri = tmp_path / "people.lance"
    adding, searching = Gallery(uri), Gallery(uri)
    seen, faults = [], []

    def add(part: slice) -> None:
        adding.add(x[part], table[part], {name: q[part] for name, q in p.items()})

    def search() -> None:
        try:
            while not seen or seen[-1] < 400:
                n = len(searching)
                for row in (0, n - 1):
                    assert searching.search(x[row], top=1).index.item() == row
                assert len(searching.search(x[0], top=400, where={"hat": ["no", "yes"]})) >= n
                seen.append(n)
        except Exception as error:
            faults.append(error)

    add(slice(0, 20))
    thread = threading.Thread(target=search)
    thread.start()
    for i in range(20, 400, 20):
        add(slice(i, i + 20))
        if i in (200, 300):
            adding.index()
    thread.join(60)
    assert not faults and not thread.is_alive()
    assert seen == sorted(seen) and all(n % 20 == 0 for n in seen) and len(set(seen)) > 3


# Damaged, elsewhere, missing


def damage(file: Path, how: str) -> None:
    "Spoil a file."
    old, chance = bytearray(file.read_bytes()), random.Random(f"{file.suffix} {how}")
    if how == "gone":
        file.unlink()
    elif how == "short":
        file.write_bytes(old[: len(old) // 2])
    elif how == "garbage":
        file.write_bytes(chance.randbytes(len(old)))
    else:
        for _ in range(5):
            old[chance.randrange(len(old))] ^= 255
        file.write_bytes(old)


@pytest.mark.parametrize("how, least", [("gone", 4), ("short", 4), ("garbage", 4), ("flipped", 0)])
def test_damage_is_told_with_the_name_of_the_gallery(tmp_path: Path, how: str, least: int):
    "Flipped bits may lie where no search looks, or in a number that is as good as another: then nobody can tell."
    memory, disk = both(tmp_path, names=("hat",))
    disk.index()
    uri, told = Path(disk.store.uri), 0
    newest = min(file.name for file in uri.glob("_versions/*.manifest"))  # they count down
    files = [f for f in uri.rglob("*") if f.is_file() and (f.parent.name != "_versions" or f.name == newest)]
    for file in files:
        spoilt = tmp_path / "spoilt.lance"
        shutil.rmtree(spoilt, ignore_errors=True)
        shutil.copytree(uri, spoilt)
        damage(spoilt / file.relative_to(uri), how)
        gallery = Gallery(spoilt)
        gallery.store.timeout = 3.0
        try:
            assert len(gallery.search(memory.embeddings[3], 5, {"hat": "no"})) <= 5
        except ReidError as error:
            told += 1
            assert "spoilt.lance: not a usable gallery (" in str(error) and "\n" not in str(error)
    assert told >= least, [file.name for file in files]


def test_what_is_no_table_is_told(tmp_path: Path):
    (tmp_path / "empty.lance").mkdir()
    (tmp_path / "file.lance").write_text("not a folder")
    for name in ("empty.lance", "file.lance"):
        with pytest.raises(ReidError, match=f"{name}: not a usable gallery"):
            Gallery.open(tmp_path / name)
    with pytest.raises(ReidError, match=r"none\.lance: no such gallery"):
        Gallery.open(tmp_path / "none.lance")
    assert not (tmp_path / "none.lance").exists()
    with pytest.raises(ReidError, match="my people"):
        Gallery(tmp_path / "my people.lance").add(np.zeros((1, 2)), pd.DataFrame({"path": ["a"]}))


def test_an_object_store_is_a_table_too(tmp_path: Path):
    for scheme in ("s3", "gs", "az"):
        assert isinstance(Gallery(f"{scheme}://bucket/people.lance").store, Disk)  # asks nobody yet
        with pytest.raises(ReidError, match=r"a name that ends in \.lance"):
            Gallery(f"{scheme}://bucket/people.npz")
    near, far = pictures(1, 0), Gallery(f"file://{tmp_path}/people.lance")
    assert len(far) == 0
    far.add(*near)
    assert len(Gallery.open(far.store.uri)) == 1


def test_without_lancedb_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(ReidError, match=r"needs LanceDB: pip install 'reid_course\[gallery\]'"):
        Gallery(tmp_path / "people.lance").add(np.zeros((1, 2)), pd.DataFrame({"path": ["a"]}))
    assert list(tmp_path.iterdir()) == []
