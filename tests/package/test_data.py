"""Data sets, read."""

from pathlib import Path

import pytest

from reid_course.data import load_dataset
from reid_course.errors import ReidError


def test_images_of_a_data_set_that_was_read_can_be_left_out(drawn: Path):
    data = load_dataset(drawn)
    first = Path(data.train.path[0])
    less = load_dataset(data, [first.relative_to(drawn).as_posix()])
    assert less.train.path.tolist() == data.train.path.tolist()[1:]
    assert len(less.query) == len(data.query) and load_dataset(data) is data
    with pytest.raises(ReidError, match=r"train/me\.jpg: to be left out, but no image of"):
        load_dataset(data, ["train/me.jpg"])
