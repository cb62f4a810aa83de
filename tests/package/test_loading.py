"""Images that do not fit into memory: read ahead of the network, and the same as those that do."""

import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from reid_course.data import load_dataset
from reid_course.engine.loading import read_ahead
from reid_course.errors import ReidError
from reid_course.images import ImageStore
from reid_course.minimarket import make_minimarket
from reid_course.model import build_model
from reid_course.training import train

CPU = torch.device("cpu")


def noted(folder: Path, rows: list[int]) -> np.ndarray:
    "A batch, and a file that says that it was read."
    (folder / str(rows[0])).touch()
    return np.zeros((len(rows), 1, 1, 3), np.uint8)


def test_the_next_batch_is_read_before_anybody_asks_for_it(tmp_path: Path):
    batches = read_ahead(partial(noted, tmp_path), [[i] for i in range(8)], CPU)
    next(batches)
    start = time.monotonic()
    while not (tmp_path / "1").exists():
        assert time.monotonic() - start < 60
        time.sleep(0.01)
    batches.close()


def test_an_image_that_cannot_be_read_is_one_line(tmp_path: Path):
    make_minimarket(tmp_path / "set", 4, (32, 16), "course", images_per_identity=4)
    files = sorted(map(str, (tmp_path / "set" / "train").iterdir()))
    Path(files[-1]).write_bytes(b"no picture")
    read = ImageStore(files, (32, 16), cache=False).batch_reader(CPU)
    with pytest.raises(ReidError, match="not a readable image") as error:
        list(read([[i, i + 1] for i in range(0, len(files), 2)]))
    assert files[-1] in str(error.value) and "\n" not in str(error.value)


def test_what_does_not_fit_is_trained_on_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = make_minimarket(tmp_path / "set", 12, (32, 16), "course", images_per_identity=4)
    quick = {"size": (32, 16), "strides": "imagenet", "weights": None, "epochs": 2, "p": 2, "k": 2}
    fits = train(data, tmp_path / "fits", erasing_prob=0.5, **quick).log
    monkeypatch.setattr("reid_course.images.memory_share", lambda: 0)
    read = train(data, tmp_path / "read", erasing_prob=0.5, **quick).log
    pd.testing.assert_frame_equal(fits.drop(columns="seconds"), read.drop(columns="seconds"))


def test_what_fits_goes_to_the_device_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = make_minimarket(tmp_path / "set", 8, (32, 16), "course", images_per_identity=4)
    made, reader = [], ImageStore.batch_reader

    def counted(images: ImageStore, *wanted: object) -> object:
        made.append(len(images))
        return reader(images, *wanted)

    monkeypatch.setattr(ImageStore, "batch_reader", counted)
    quick = {"size": (32, 16), "strides": "imagenet", "weights": None, "valid": 0.0, "p": 2, "k": 2}
    train(data, tmp_path / "run", epochs=3, **quick)
    assert len(made) == 1


def test_what_is_predicted_again_stays_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = load_dataset(make_minimarket(tmp_path / "set", 4, (32, 16), "course", images_per_identity=4))
    model, images = (
        build_model(size=(32, 16), strides="imagenet").eval(),
        ImageStore(data.train.path, (32, 16)),
    )
    first, copied = model.predict(images, batch=5), []
    monkeypatch.setattr(torch, "from_numpy", lambda array: copied.append(array.shape))
    again = model.predict(images, batch=5)
    assert not copied
    np.testing.assert_array_equal(first.embeddings, again.embeddings)
    monkeypatch.undo()
    read = model.predict(ImageStore(data.train.path, (32, 16), cache=False), batch=5)
    np.testing.assert_array_equal(first.embeddings, read.embeddings)
