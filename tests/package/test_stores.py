"""A gallery on disk answers as one in memory, and refuses alike."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from galleries import WIDTH, both, pictures

from reid_course.errors import ReidError
from reid_course.retrieval import Gallery

WHERE = [{}, {"hat": "yes"}, {"gender": "female", "uppercolor": ["red", "blue"]}]


@pytest.mark.parametrize("n, width", [(3, 1), (60, 2), (400, 16)])
def test_answers_are_those_of_memory(tmp_path: Path, n: int, width: int):
    memory, disk = both(tmp_path, n, width)
    for indexed in (False, True):
        if indexed:
            assert disk.index() == n and memory.index() == 0
        for top in (1, 5, 2 * n):
            for where in WHERE:
                for query in (memory.embeddings[0], memory.embeddings[1].astype(float) + 0.3, None):
                    if query is not None or where:
                        found = [g.search(query, top, where) for g in (memory, Gallery.open(disk.store.uri))]
                        pd.testing.assert_frame_equal(*found)


def test_an_index_of_bits_finds_nearly_all(tmp_path: Path):
    "From 64 numbers on the index keeps a bit for each; how it cuts the cells is drawn anew by each `index`."
    memory, disk = both(tmp_path, 400, 64)
    queries = [x + 0.3 * (i % 2) for i, x in enumerate(memory.embeddings[:60])]
    for indexed, least in ((False, 1.0), (True, 0.9)):
        if indexed:
            assert disk.index() == 400
        common = 0
        for query in queries:
            exact, found = memory.search(query, 5), disk.search(query, 5)
            common += len(set(exact.index) & set(found.index))
            points = memory.embeddings[found.index]
            assert np.array_equal(
                found.distance, np.linalg.norm(points - query, axis=1)
            )  # measured, not guessed
            assert found.distance.is_monotonic_increasing and found.index.is_unique
        assert common / (5 * len(queries)) >= least


def test_pictures_come_back_as_they_were(tmp_path: Path):
    memory, disk = both(tmp_path)
    disk.save(tmp_path / "back.npz")
    memory.save(tmp_path / "back.lance")
    with pytest.raises(ReidError, match=r"back\.lance exists already"):
        memory.save(tmp_path / "back.lance")
    for other in (disk, Gallery.open(tmp_path / "back.npz"), Gallery.open(tmp_path / "back.lance")):
        pd.testing.assert_frame_equal(other.table, memory.table, check_exact=True)
        assert other.schema == memory.schema
        assert np.array_equal(other.embeddings, memory.embeddings)
        assert sorted(other.probabilities) == sorted(memory.probabilities)
        assert all(np.array_equal(p, memory.probabilities[name]) for name, p in other.probabilities.items())


def test_mistakes_are_told_alike(tmp_path: Path):
    x, table, p = pictures(60, 0)
    mistakes = [
        lambda g: g.search(),
        lambda g: g.search("photo.jpg"),
        lambda g: g.search(np.zeros(3)),
        lambda g: g.search(np.full(WIDTH, np.nan)),
        lambda g: g.search(x[0], top=0),
        lambda g: g.search(where={"shoes": "red"}),
        lambda g: g.search(where={"hat": "1) OR (1 = 1"}),
        lambda g: g.search(where={"hat": []}),
        lambda g: g.add(x[:, :3], table, p),
        lambda g: g.add(x, table, {}),
        lambda g: g.add(x, table[:3], p),
        lambda g: g.add(x, table.drop(columns="pid"), p),
        lambda g: g.add(x, table.drop(columns="path"), p),
        lambda g: g.add(x / 0, table, p),
    ]
    for mistake in mistakes:
        told = []
        for gallery in both(tmp_path / str(len(list(tmp_path.iterdir())))):
            with np.errstate(all="ignore"), pytest.raises(ReidError) as error:
                mistake(gallery)
            assert len(gallery) == 60
            told.append(str(error.value))
        assert told[0] == told[1] and "\n" not in told[0]


def test_no_text_reaches_a_condition(tmp_path: Path):
    _, disk = both(tmp_path)
    with pytest.raises(ReidError, match=r"people\.lance"):
        disk.store.nearest(np.zeros(WIDTH), 60, {"hat": ["1) OR (1 = 1"]})
