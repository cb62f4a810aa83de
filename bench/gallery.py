"""What a gallery on disk takes: python bench/gallery.py [PICTURES]

A million pictures of 50,000 made people, 256 numbers each. A person is a centre, a picture a point
around it, scaled to length 1; coordinates shrink like 1/√i. Two pictures of a person are then 0.45 times as far apart
as two people, and as few directions carry most as in a trained network's embeddings (lesson 13a). Uniformly random
points are no gallery: without neighbourhoods no index can be quick and right. Prints JSON.
"""

import json
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from measure import memory

from reid_course.data import ATTRIBUTES
from reid_course.retrieval import Gallery

WIDTH, QUERIES, BATCH = 256, 200, 50_000
SCALE = (np.arange(1, WIDTH + 1) ** -0.5).astype(np.float32)
WORDS = {"uppercolor": "red", "lowercolor": "blue"}  # one in nine, and one in ten: 1 % have both
Batch = tuple[np.ndarray, pd.DataFrame, dict[str, np.ndarray]]


def pictures(who: np.ndarray, centres: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    "Embeddings of pictures of these people."
    x = centres[who] + 0.5 * SCALE * rng.standard_normal((len(who), WIDTH), np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def batch(start: int, n: int, centres: np.ndarray, rng: np.random.Generator) -> Batch:
    "Embeddings, table and probabilities of n pictures, each person as often as any other."
    who = np.arange(start, start + n) % len(centres)
    table = pd.DataFrame({"path": [f"{i:07d}.jpg" for i in range(start, start + n)], "pid": who + 1})
    p = {}
    for attribute in ATTRIBUTES:
        classes = len(attribute.classes)
        p[attribute.name] = np.full((n, classes), 0.1 / (classes - 1), np.float32)
        p[attribute.name][np.arange(n), rng.integers(0, classes, n)] = 0.9
    return pictures(who, centres, rng), table.assign(camid=who % 6 + 1), p


class Nearest:
    "The ten nearest of each query, found exactly while the pictures go by."

    def __init__(self) -> None:
        self.distances = np.full((QUERIES, 10), np.inf, np.float32)
        self.rows = np.full((QUERIES, 10), -1)

    def see(self, queries: np.ndarray, x: np.ndarray, rows: np.ndarray) -> None:
        "Take in more pictures."
        d = np.hstack([self.distances, np.square(x).sum(1) - 2 * queries @ x.T])
        best = np.argpartition(d, 9, axis=1)[:, :10]
        self.rows = np.take_along_axis(
            np.hstack([self.rows, np.broadcast_to(rows, (QUERIES, len(rows)))]), best, 1
        )
        self.distances = np.take_along_axis(d, best, 1)

    def recall(self, found: list[pd.DataFrame]) -> float:
        "The share of them that was found."
        return float(
            np.mean([len(np.intersect1d(f.index, r)) / 10 for f, r in zip(found, self.rows, strict=False)])
        )


def timed(work: Callable[[int], pd.DataFrame], times: int) -> tuple[dict[str, float], list[pd.DataFrame]]:
    "Seconds of a search, the middle one and, of a hundred or more, the 99th in a hundred; and what was found."
    work(0)  # the first opens files
    seconds, found = [], []
    for i in range(times):
        start = time.perf_counter()
        found.append(work(i))
        seconds.append(time.perf_counter() - start)
    few = {"median": float(np.median(seconds))}
    return few | ({"p99": float(np.percentile(seconds, 99))} if times >= 100 else {}), found


def at_peak(work: Callable[[], object]) -> tuple[float, float]:
    "Seconds, and MiB at the peak beyond what there was before."
    Path("/proc/self/clear_refs").write_text("5")
    before, start = memory("VmRSS"), time.perf_counter()
    work()
    return time.perf_counter() - start, memory("VmHWM") - before


def fill(gallery: Gallery, n: int, queries: np.ndarray, centres: np.ndarray) -> tuple[Nearest, Nearest, dict]:
    "Add n pictures; the true neighbours, among all and among those that fit."
    every, fitting, rng, seconds, peak = Nearest(), Nearest(), np.random.default_rng(1), 0.0, 0.0
    answers = {a.name: a.classes for a in ATTRIBUTES}
    for start in range(0, n, BATCH):
        x, table, p = batch(start, min(BATCH, n - start), centres, rng)
        took, extra = at_peak(lambda x=x, table=table, p=p: gallery.add(x, table, p))
        seconds, peak = seconds + took, max(peak, extra)
        rows = np.arange(start, start + len(x))
        fits = np.all(
            [p[name].argmax(1) == answers[name].index(word) for name, word in WORDS.items()], axis=0
        )
        every.see(queries, x, rows)
        fitting.see(queries, x[fits], rows[fits])
    return every, fitting, {"seconds": seconds, "MiB": peak}


def searches(
    uri: str,
    queries: np.ndarray,
) -> tuple[dict[str, dict[str, float]], dict[str, list[pd.DataFrame]]]:  # figures and what was found, by name
    "Each kind of search, in a process that has none of the gallery in its memory yet."
    gallery, told, found = Gallery.open(uri), {}, {}
    kinds: dict[str, tuple[Callable[[int], pd.DataFrame], int]] = {
        "search": (lambda i: gallery.search(queries[i]), QUERIES),
        "filter": (lambda i: gallery.search(queries[i], where=WORDS), QUERIES),
        "words": (lambda i: gallery.search(where=WORDS), 20),
    }
    before = memory("VmRSS")
    for name, (work, times) in kinds.items():
        Path("/proc/self/clear_refs").write_text("5")
        told[name], found[name] = timed(work, times)
        told[name]["MiB"] = memory("VmHWM") - before
    return told, found


def while_adding(gallery: Gallery, queries: np.ndarray, centres: np.ndarray, seconds: float = 20) -> dict:
    "Searches while a thread adds a hundred pictures at a time."
    rng, added, stop = np.random.default_rng(2), [], time.perf_counter() + seconds
    more = [batch(len(gallery), 100, centres, rng) for _ in range(8)]

    def add() -> None:
        while time.perf_counter() < stop:
            x, table, p = more[len(added) % 8]
            added.append(x + 1e-5 * len(added))  # nobody twice
            gallery.add(added[-1], table, p)

    before, found, thread = len(gallery), [], threading.Thread(target=add)
    thread.start()
    while thread.is_alive():
        start = time.perf_counter()
        gallery.search(queries[len(found) % QUERIES])
        found.append(time.perf_counter() - start)
    thread.join()
    n = 100 * len(added)
    nearest = gallery.search(added[-1][-1], top=1).index.item()
    return {
        "median": float(np.median(found)),
        "p99": float(np.percentile(found, 99)),
        "added": n / seconds,
        "there": len(gallery) - before == n and nearest == len(gallery) - 1,
    }


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((n // 20, WIDTH), np.float32) * SCALE
    queries = pictures(rng.integers(0, n // 20, QUERIES), centres, rng)
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery(Path(folder) / "people.lance")
        every, fitting, add = fill(gallery, n, queries, centres)
        told = {"pictures": n, "width": WIDTH, "add": add}
        told["exact"], exact = timed(lambda i: gallery.search(queries[i]), 10)
        told["exact"]["recall"] = every.recall(exact)
        seconds, extra = at_peak(lambda: gallery.store.index(keep=0.01))
        told["index"] = {"seconds": seconds, "MiB": extra}
        files = [file for file in Path(folder).rglob("*") if file.is_file()]
        told["size"] = sum(file.stat().st_size for file in files) / 2**20
        told["size of index"] = sum(f.stat().st_size for f in files if "_indices" in f.parts) / 2**20
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            figures, found = pool.apply(searches, (gallery.store.uri, queries))
        told |= figures
        told["search"]["recall"] = every.recall(found["search"])
        told["filter"]["recall"] = fitting.recall(found["filter"])
        told["while adding"] = while_adding(gallery, queries, centres)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
