"""Settings for all tests."""

import os
import shutil
import time
from functools import cache
from pathlib import Path

import pytest
from browser import MISSING, chromium, find_chromium

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side; here and in every process they start


def pytest_collection_modifyitems(items):
    items.sort(
        key=lambda item: item.path.name == "cells.py"
    )  # for mutmut, which asks in any order: the slow last


@pytest.fixture
def browser():
    "Chromium, or a skip that says what is missing."
    if not find_chromium():
        pytest.skip(MISSING)
    with chromium() as found:
        yield found


# Data sets that are spoilt


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    "A small data set in the course layout, which stays as it is."
    from reid_course.minimarket import make_minimarket

    folder = tmp_path_factory.mktemp("drawn") / "set"
    return make_minimarket(folder, 8, (32, 16), "course", images_per_identity=4)


@pytest.fixture(scope="session")
def exam(tmp_path_factory):
    "Drawn people; query and gallery without labels."
    from reid_course.data import load_dataset
    from reid_course.minimarket import make_minimarket

    root = tmp_path_factory.mktemp("exam") / "set"
    return load_dataset(make_minimarket(root, 5, size=(32, 16), images_per_identity=4, layout="course"))


@pytest.fixture
def course(drawn, tmp_path):
    "A copy to spoil."
    return Path(shutil.copytree(drawn, tmp_path / "course"))


# Commands that are stopped: processes that end when a test says, what they work on, what they make if left alone


@pytest.fixture(scope="session")
def nursery(tmp_path_factory):
    "Runs commands in processes; see nursery.py."
    from stopped import Nursery

    found = Nursery(tmp_path_factory.mktemp("nursery"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def small_set(tmp_path_factory):
    "A folder with a data set, and beside it the same as a zip file."
    from reid_course.minimarket import make_minimarket

    root = make_minimarket(tmp_path_factory.mktemp("small") / "set", 12, (32, 16), images_per_identity=4)
    shutil.make_archive(str(root), "zip", root)
    return root


@pytest.fixture(scope="session")
def left_alone(nursery, small_set, tmp_path_factory):
    "What a command makes when nobody stops it: its folder, the events on the way, the seconds."
    from stopped import words

    @cache
    def make(command):
        out, start = tmp_path_factory.mktemp("alone") / "result", time.monotonic()
        assert nursery.run(words(command, small_set, out)) == 0, nursery.printed
        return out, nursery.seen, time.monotonic() - start

    return make


# What several processes train on together


@pytest.fixture(scope="session")
def drawn_people(tmp_path_factory):
    "Drawn people, eight pictures each."
    from reid_course.minimarket import make_minimarket

    root = tmp_path_factory.mktemp("together") / "set"
    return make_minimarket(root, 24, size=(64, 32), images_per_identity=8, seed=2)
