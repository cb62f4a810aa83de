"""Folders and galleries for the tests of the explorer."""

import shutil
from pathlib import Path

import pandas as pd

from reid_course.data import ATTRIBUTES, load_dataset
from reid_course.minimarket import make_minimarket
from reid_course.retrieval import Gallery
from reid_course.training import Run

EVIL = "<img src=x onerror=window.hacked=1>"


def hostile_folder(root: Path, cameras: bool = True, attributes: bool = True) -> Path:
    "Ten drawn people in folders, whose names, and those of some files, are markup."
    drawn = load_dataset(make_minimarket(root / "drawn", n_identities=10, size=(64, 32))).train
    words = []
    for pid, own in drawn.groupby("pid"):
        person = root / "data" / f"{EVIL} & {pid}"
        person.mkdir(parents=True)
        for i, row in enumerate(own.itertuples()):
            camera = f"_c{row.camid}" if cameras else ""
            shutil.copy(row.path, person / f"{EVIL if i == 0 else i}{camera}.jpg")
        answers = {a.name: a.classes[own[a.name].iloc[0]] for a in ATTRIBUTES}
        words.append({"id": person.name} | answers)
    if attributes:
        pd.DataFrame(words).to_csv(root / "data" / "attributes.csv", index=False)
    return root / "data"


def gallery_of(run: Run, data: Path) -> Gallery:
    "The held-out people as the network itself sees them."
    gallery = Gallery(model=run.model())
    gallery.add_images(run.held_out(data))
    return gallery
