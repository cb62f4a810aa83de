"""What one question to a stored gallery takes: python bench/search.py [IN_MEMORY [ON_DISK]]

20,000 made pictures in memory and a million on disk (as in bench/gallery.py, indexed), 256 numbers each: milliseconds a
question, without the start of a process. Then the whole command on the file of the first: by words alone, and by a
picture, beside what its imports take. Prints JSON.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from gallery import BATCH, QUERIES, SCALE, WIDTH, WORDS, batch, pictures, timed
from PIL import Image

from reid_course.engine.run import RunFolder
from reid_course.model import build_model, save_model
from reid_course.retrieval import Gallery

ROUNDS = 5  # of the whole command; the quickest counts: what else the machine does can only lengthen it
IMPORTS = "import reid_course.cli.galleries, reid_course.training"


def questions(gallery: Gallery, queries: np.ndarray) -> dict[str, dict[str, float]]:
    "Milliseconds of each kind of question."
    kinds: dict[str, tuple[Callable[[int], pd.DataFrame], int]] = {
        "picture": (lambda i: gallery.search(queries[i]), QUERIES),
        "picture, filtered": (lambda i: gallery.search(queries[i], where=WORDS), QUERIES),
        "picture, weighed": (lambda i: gallery.search(queries[i], where=WORDS, weight=0.3), QUERIES),
        "picture, re-ranked": (lambda i: gallery.search(queries[i], re_rank=True), 10),
        "words": (lambda i: gallery.search(where=WORDS), 20),
    }
    found = {name: timed(work, times)[0] for name, (work, times) in kinds.items()}
    return {name: {what: 1000 * x for what, x in figures.items()} for name, figures in found.items()}


def filled(gallery: Gallery, n: int, centres: np.ndarray) -> Gallery:
    "The gallery with n pictures in it."
    rng = np.random.default_rng(1)
    for start in range(0, n, BATCH):
        gallery.add(*batch(start, min(BATCH, n - start), centres, rng))
    return gallery


def seconds(*words: object) -> float:
    "Of a process, the quickest of some."
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run([sys.executable, *map(str, words)], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - start)
    return min(took)


def commands(run: Path, file: Path, image: Path) -> dict[str, float]:
    "Seconds of whole commands, and of what they import."
    search = ["-m", "reid_course.cli.main", "search", run, "--gallery", file]
    where = ["--where", *(f"{name}={word}" for name, word in WORDS.items())]
    return {
        "--where": seconds(*search, *where),
        "--query": seconds(*search, "--query", image, "--device", "cpu"),
        "imports of --query": seconds("-c", IMPORTS),
    }


def main() -> None:
    n, big = (int(sys.argv[i]) if len(sys.argv) > i else size for i, size in ((1, 20_000), (2, 1_000_000)))
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((max(n, big) // 20, WIDTH), np.float32) * SCALE
    queries = pictures(rng.integers(0, len(centres), QUERIES), centres, rng)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir()
        save_model(build_model(dim=WIDTH), folder / "run" / "best.safetensors")
        Image.new("RGB", (64, 128), "grey").save(folder / "query.png")
        memory = filled(Gallery(source=RunFolder(folder / "run").digest), n, centres)
        told = {"in memory": {"pictures": n} | questions(memory, queries)}
        memory.save(folder / "people.npz")
        told["command, s"] = commands(folder / "run", folder / "people.npz", folder / "query.png")
        disk = filled(Gallery(folder / "people.lance"), big, centres)
        disk.index()
        told["on disk"] = {"pictures": big} | questions(Gallery.open(folder / "people.lance"), queries)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
