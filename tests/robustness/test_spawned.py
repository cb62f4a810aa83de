"""Processes that start from nothing, as on a Mac and on Windows: what they get travels, importing does no work."""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from listing import MADE, dotted
from spawned import points
from support import run
from torch.utils.data import DataLoader

from reid_course.data import load_dataset
from reid_course.engine.checkpoint import read_tensors
from reid_course.images import ImageStore
from reid_course.minimarket import make_minimarket
from reid_course.sampling import PKBatchSampler
from reid_course.training import train

SPAWN = multiprocessing.get_context("spawn")
SETTINGS = {
    **{"epochs": 1, "p": 4, "k": 2, "size": (32, 16), "weights": None, "strides": "imagenet"},
    **{"valid": 0.3, "precision": "fp32"},
}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_minimarket(tmp_path_factory.mktemp("spawned") / "set", 12, (32, 16), images_per_identity=4)


@pytest.mark.parametrize("cache", [True, False])
def test_workers_of_a_loader_read_the_same_images(people: Path, cache: bool):
    frame = load_dataset(people).train
    images = ImageStore(frame.path, (32, 16), cache)
    sampler = PKBatchSampler(frame.pid, 4, 2)
    loader = DataLoader(
        images, batch_size=None, sampler=sampler, num_workers=2, multiprocessing_context=SPAWN
    )
    batches = [batch.numpy() for batch in loader]
    assert len(batches) == len(sampler) > 1
    assert all(np.array_equal(batch, images[rows]) for batch, rows in zip(batches, sampler, strict=True))


def test_a_spawned_process_trains_and_predicts_as_this_one(people: Path, tmp_path: Path):
    images = ImageStore(load_dataset(people).train.path, (32, 16))
    with SPAWN.Pool(1) as pool:
        there = pool.apply(points, (images,))
        done = pool.apply(train, (people, tmp_path / "there"), SETTINGS)
    assert np.array_equal(there, points(images))
    assert done.path == tmp_path / "there"
    (theirs, _), (ours, _) = (
        read_tensors(run.last) for run in (done, train(people, tmp_path / "here", **SETTINGS))
    )
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in ours)


def test_importing_does_no_work(tmp_path: Path):
    modules = sorted(map(dotted, MADE))
    code, output = run(
        "python",
        "-c",
        "import importlib, os, random, threading\n"
        "import numpy, torch, torchvision\n"  # what these do at import is theirs
        "import socket, subprocess\n"
        "def refuse(*a, **k): raise SystemExit(f'work at import: {a}')\n"
        "socket.socket.connect = subprocess.Popen.__init__ = os.mkdir = refuse\n"
        "before = torch.get_rng_state().sum(), numpy.random.get_state()[1].sum(), random.getstate()\n"
        f"for name in {modules}: importlib.import_module(name)\n"
        "assert before == (torch.get_rng_state().sum(), numpy.random.get_state()[1].sum(), random.getstate())\n"
        "assert threading.active_count() == 1, threading.enumerate()",
        cwd=tmp_path,
    )
    assert (code, output) == (0, ""), output
    assert list(tmp_path.iterdir()) == []
