"""Runs whose files were damaged or invented: they go on, or one line says which file and why."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from fuzzing import JSON, Hang, fuzz, mangled, outcome, stop
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save
from torch import nn

from reid_course.data import Dataset
from reid_course.engine.callbacks import Report
from reid_course.engine.checkpoint import read_tensors
from reid_course.training import Run, train

pytestmark = pytest.mark.usefixtures("memory_is_bounded")


class Tiny(nn.Module):
    "A backbone of 84 numbers: a checkpoint of twenty thousand bytes has all the parts of a large one."

    width, channels = 3, {"layer3": 3}

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 3, stride=8)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"v": self.conv1(images).mean((2, 3))}


def resume(dataset: Dataset, out: Path, **more: Any) -> Run:
    "Two short epochs, or what is left of them."
    sizes: dict = {"p": 2, "k": 2, "size": (16, 8), "dim": 4, "valid": 0.5, "ema_decay": 0.5}
    return train(dataset, out, epochs=2, weights=None, device="cpu", backbone=Tiny, **sizes, **more)


@pytest.fixture(scope="module")
def begun(place: Path, dataset: Dataset) -> Path:
    "A run stopped after the first of two epochs, by a network that is soon written and read."
    with pytest.raises(Hang):
        resume(dataset, place / "run", callbacks=[Report(stop)])
    return place / "run"


def resume_with(begun: Path, dataset: Dataset, name: str, content: bytes) -> object:
    "Go on with a copy of a run in which one file is another."
    out = begun.parent / "again"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(begun, out)
    (out / name).write_bytes(content)
    return outcome(lambda: resume(dataset, out, resume=True), out, "a finite number")


@fuzz
@given(data=st.data(), name=st.sampled_from(["config.json", "people.json"]))
def test_configurations_of_a_run(begun: Path, dataset: Dataset, data: st.DataObject, name: str):
    sound = (begun / name).read_bytes()
    config = json.loads(sound)
    invented = st.dictionaries(st.sampled_from([*config, "x"]), JSON, max_size=3).map(
        lambda new: config | new
    )
    written = (invented | JSON).map(lambda content: json.dumps(content).encode())
    content = data.draw(st.one_of(mangled(sound), written, st.binary(max_size=60)))
    resume_with(begun, dataset, name, content)


@fuzz
@given(data=st.data(), damaged=st.booleans())
def test_checkpoints_of_a_run(begun: Path, dataset: Dataset, data: st.DataObject, damaged: bool):
    file = begun / "last.safetensors"
    content, (tensors, header) = file.read_bytes(), read_tensors(file)
    if damaged:
        content = data.draw(mangled(content))
    else:  # a sound file, with another log
        training = json.loads(header["training"])
        row = training["log"][0]
        cells = st.dictionaries(st.sampled_from([*row, "x"]), JSON, max_size=3)
        logs = st.lists(cells.map(lambda new: row | new) | cells | JSON, max_size=3) | cells | JSON
        described = data.draw(logs.map(lambda log: training | {"log": log}) | JSON)
        content = save(tensors, header | {"training": json.dumps(described)})
    resume_with(begun, dataset, file.name, content)


ODD = st.builds(
    torch.full,
    st.sampled_from(((), (0,), (1,), (3,), (4, 3))),
    st.sampled_from((0, -1, torch.nan)),
    dtype=st.sampled_from((torch.float32, torch.float16, torch.complex64)),
)


@fuzz
@given(data=st.data(), lost=st.booleans())
def test_parts_of_a_checkpoint(begun: Path, dataset: Dataset, data: st.DataObject, lost: bool):
    file = begun / "last.safetensors"
    tensors, header = read_tensors(file)
    if lost:
        parts = sorted({*tensors, *(name[: name.rindex("/") + 1] for name in tensors if "/" in name)})
        gone = data.draw(st.sampled_from(parts))
        found = {name: x for name, x in tensors.items() if not name.startswith(gone)}
    else:
        names = st.sampled_from([*sorted(tensors), "x", "optimizer/0/x", "optimizer/99/step", "optimizer/x"])
        found = tensors | {data.draw(names): data.draw(ODD)}
    gone_on = resume_with(begun, dataset, file.name, save(found, header))
    same = all(name in found and found[name].shape == x.shape for name, x in tensors.items())
    assert same or not gone_on, "a checkpoint that lacks a part was gone on with"
