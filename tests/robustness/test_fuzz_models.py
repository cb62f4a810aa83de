"""Damaged and invented networks, weights, galleries and submissions, and words to search by: see test_fuzz_data.py."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fuzzing import JSON, fuzz, mangled, outcome
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from reid_course.backbone import resnet_backbone
from reid_course.data import ANNOTATION_COLUMNS, ATTRIBUTES, Dataset
from reid_course.model import build_model, load_model
from reid_course.retrieval import Gallery, parse_where
from reid_course.submission import validate_submission

pytestmark = pytest.mark.usefixtures("memory_is_bounded")
NAMES = [a.name for a in ATTRIBUTES]


@fuzz
@given(data=st.data())
def test_checkpoints(place: Path, data: st.DataObject):
    file, config = place / "best.safetensors", build_model_config()
    keys = st.sampled_from([*config, "weights", "x"])
    described = data.draw(
        st.one_of(st.dictionaries(keys, JSON, max_size=3).map(lambda new: config | new), JSON)
    )
    sound = save({"a": torch.zeros(2)}, {"model": json.dumps(described)})
    file.write_bytes(data.draw(st.one_of(st.just(sound), mangled(sound), st.binary(max_size=60))))
    outcome(lambda: load_model(file), file)


def build_model_config() -> dict:
    with torch.device("meta"):
        return build_model("resnet").config


def saved(content: object) -> bytes:
    out = BytesIO()
    torch.save(content, out)
    return out.getvalue()


WEIGHTS = [
    saved(x) for x in ({"conv1.weight": torch.zeros(64, 3, 7, 7)}, [torch.zeros(2)], {1: 2}, "text", print)
]


@fuzz
@given(data=st.data())
def test_weights_of_others(place: Path, data: st.DataObject):
    file = place / "weights.pth"
    file.write_bytes(data.draw(st.sampled_from(WEIGHTS).flatmap(lambda x: st.just(x) | mangled(x))))
    with torch.device("meta"):
        outcome(lambda: resnet_backbone(weights=file), file)


@fuzz
@given(data=st.data())
def test_galleries(place: Path, data: st.DataObject):
    file = place / "gallery.npz"
    gallery = Gallery()
    gallery.add(np.zeros((2, 3)), pd.DataFrame({"path": ["a.jpg", "b.jpg"]}), {"hat": np.full((2, 2), 0.5)})
    gallery.save(file)
    file.write_bytes(data.draw(mangled(file.read_bytes())))
    outcome(lambda: Gallery.open(file), file)


@fuzz
@given(data=st.data())
def test_submissions(place: Path, dataset: Dataset, data: st.DataObject):
    out = place / "submission"
    out.mkdir(exist_ok=True)
    files = [Path(path).name for path in dataset.gallery.path]
    row = ",".join(["2", *["1"] * 26])
    table = "\n".join([",".join(("id", *ANNOTATION_COLUMNS)), *(f"{name},{row}" for name in files)])
    lists = "".join(f"{Path(path).name}: {', '.join(files[:3])}\n" for path in dataset.query.path)
    sound = {"classification_test.csv": table.encode(), "reid_test.txt": lists.encode()}
    for name, content in sound.items():
        (out / name).write_bytes(data.draw(st.just(content) | mangled(content)))
    outcome(lambda: validate_submission(out, dataset), *(out / name for name in sound))


WORDS = st.text(max_size=8) | st.sampled_from([*NAMES, "yes", "no", "red", "red,blue", ",", "="])


@fuzz
@given(pairs=st.lists(st.one_of(WORDS, st.builds("{}={}".format, WORDS, WORDS)), max_size=3))
def test_where(pairs: list[str]):
    found = outcome(lambda: parse_where(pairs), "=", "no attribute", "cannot be")
    assert found is None or set(found) <= set(NAMES)
