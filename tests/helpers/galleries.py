"""The same pictures in memory and on disk."""

from pathlib import Path

import numpy as np
import pandas as pd

from reid_course.data import ATTRIBUTES
from reid_course.retrieval import Gallery

NAMES, WIDTH = tuple(a.name for a in ATTRIBUTES), 16


def pictures(n: int, seed: int, width: int = WIDTH) -> tuple[np.ndarray, pd.DataFrame, dict[str, np.ndarray]]:
    "Embeddings of few values, so that many distances are equal; the columns of a data set; probabilities."
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"path": [f"{i}.jpg" for i in range(n)], "pid": rng.integers(-1, 9, n)})
    table["camid"] = pd.array([None if i % 5 == 0 else i % 6 for i in range(n)], "Int64")
    table["seen"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**15, n), "us")
    table["third"] = rng.integers(1, 9, n) / 3
    p = {a.name: rng.dirichlet(np.ones(len(a.classes)), n).astype(np.float32) for a in ATTRIBUTES}
    return rng.integers(0, 3, (n, width)).astype(np.float32), table.assign(hat=-1, weather="sun; DROP"), p


def both(
    folder: Path,
    n: int = 60,
    width: int = WIDTH,
    names: tuple[str, ...] = NAMES,  # of the attributes answered
) -> tuple[Gallery, Gallery]:
    "The same pictures in memory and on disk."
    x, table, p = pictures(n, n, width)
    p = {name: p[name] for name in names}
    galleries = Gallery(), Gallery(folder / "people.lance")
    for gallery in galleries:
        for part, order in ((slice(0, n // 3), 1), (slice(n // 3, n), -1)):
            gallery.add(x[part], table[part].iloc[:, ::order], {name: q[part] for name, q in p.items()})
    return galleries
