"""What tests of the local page share: drawn people, a run, and the page on them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from reid_course.data import load_dataset
from reid_course.minimarket import make_minimarket
from reid_course.pages.app import make_app
from reid_course.pages.cards import KnownPictures
from reid_course.pages.loopback import web_app
from reid_course.retrieval import Gallery
from reid_course.training import train

QUICK = {
    "weights": None,
    "size": (64, 32),
    "strides": "imagenet",
    "epochs": 1,
    "p": 4,
    "k": 2,
    "device": "cpu",
}


def make_world(
    folder: Path,  # an empty one
) -> SimpleNamespace:
    "Drawn people, a run, and what it searches."
    root = make_minimarket(folder / "mini", 12, (64, 32), images_per_identity=4)
    data = load_dataset(root)
    trained = train(data, folder / "run", **QUICK)
    gallery = Gallery(model=trained.model(), source=trained.digest)
    gallery.add_images(data.gallery)
    known = KnownPictures(pd.concat([data.query, data.gallery]))
    return SimpleNamespace(root=root, data=data, run=trained, gallery=gallery, known=known)


def app_of(
    world: SimpleNamespace,
    **more: Any,  # for `make_app`
) -> Any:
    "The page as a web application."
    return web_app(make_app(world.gallery.model, world.gallery, world.known, **more))
