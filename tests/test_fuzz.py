"""Damaged and invented input: a result, or a ReidError that names the file, soon and in little memory.

`make fuzz` tries ten thousand cases, new ones each time; `make test` a few hundred, always the same.
"""

import json
import os
import shutil
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fuzzing import BYTES, Hang, fuzz, mangled, memory, outcome, stop
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save
from scipy.io import savemat
from torch import nn

from reid_course import learning
from reid_course.backbone import resnet_backbone
from reid_course.data import ANNOTATION_COLUMNS, NAMES, Dataset, load_dataset, parse_name, survey
from reid_course.heads import DenseHeads, EmbeddingHead
from reid_course.images import MAX_PIXELS, read_image
from reid_course.intake import read_skip_list, unpack
from reid_course.minimarket import make_minimarket
from reid_course.model import ReidModel, build_model, load_model, read_weights
from reid_course.retrieval import Gallery, parse_where
from reid_course.submission import validate_submission
from reid_course.training import train


@pytest.fixture(scope="module", autouse=True)
def memory_is_bounded() -> Iterator[None]:
    "All cases together stay within the bound."
    if sys.platform != "linux":
        yield
        return
    build_model("resnet")  # what PyTorch itself takes at first use is not the cases'
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = memory("VmRSS")
    yield
    assert memory("VmHWM") - before < BYTES


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def course(place: Path) -> Dataset:
    "A sound data set, whose files are spoilt and mended."
    return load_dataset(make_minimarket(place / "course", 6, (16, 8), "course", images_per_identity=3))


NAME = st.one_of(
    st.binary(min_size=1, max_size=40).map(os.fsdecode),
    st.text(min_size=1, max_size=40),
    st.from_regex(r"\A-?\d{1,5}_c\d{1,12}(s\d)?_\d{1,3}(_\d\d)?\Z"),
).filter(lambda name: not set(name) & set("/\0"))


@fuzz
@given(name=NAME, folder=st.sampled_from(("train", "test")))
def test_file_names(course: Dataset, name: str, folder: str):
    file = course.root / folder / f"{name[:40]}.jpg"
    for layout in ("official", "course"):
        outcome(lambda layout=layout: parse_name(file, layout), file)
    try:
        if file.exists():
            return
        file.touch()
    except (OSError, UnicodeError):  # no name on this system
        return
    try:
        _, faults = survey(course.root)
        assert all(fault.path == str(file) for fault in faults)
        outcome(lambda: load_dataset(course.root), file)
        assert len(load_dataset(course.root, [f"{folder}/{file.name}"]).train) == len(course.train)
    finally:
        file.unlink()


ROWS = st.lists(
    st.lists(st.sampled_from(("", "1", "2", "5", "-1", "x", "1.5", "nan", "1e400", '"', "\n", "9" * 30))),
    max_size=4,
)


@fuzz
@given(data=st.data())
def test_annotation_tables(course: Dataset, data: st.DataObject):
    file = course.root / "annotations_train.csv"
    sound = file.read_bytes()
    header = ",".join(("id", *ANNOTATION_COLUMNS))
    invented = ROWS.map(lambda rows: "\n".join([header, *map(",".join, rows)]).encode())
    file.write_bytes(data.draw(st.one_of(mangled(sound), invented, st.binary(max_size=60))))
    try:
        outcome(lambda: load_dataset(course.root), file)
    finally:
        file.write_bytes(sound)


@fuzz
@given(data=st.data())
def test_attribute_words(place: Path, data: st.DataObject):
    root = place / "folder"
    for person in ("anna", "ben"):
        (root / person).mkdir(parents=True, exist_ok=True)
        (root / person / "1.jpg").touch()
    text = f"id,{','.join(NAMES)}\nanna{',' * len(NAMES)}\nben,young,no,,yes,,,,,,male,red,\n"
    (root / "attributes.csv").write_bytes(
        data.draw(st.one_of(mangled(text.encode()), st.binary(max_size=60)))
    )
    outcome(lambda: load_dataset(root), root / "attributes.csv")


LEAVES = st.one_of(st.integers(-3, 3), st.floats(), st.text(max_size=4), st.just(np.zeros((0, 0))))


@fuzz
@given(data=st.data())
def test_mat_files(place: Path, data: st.DataObject):
    root, packed = place / "official", data.draw(st.booleans())
    if not root.exists():
        make_minimarket(root, 6, (16, 8), images_per_identity=3)
        shutil.copy(root / "market_attribute.mat", place / "sound.mat")
    file, sound = root / "market_attribute.mat", (place / "sound.mat").read_bytes()
    kind = data.draw(st.sampled_from(("damaged", "damaged", "packed", "invented")))
    if kind == "damaged":
        file.write_bytes(data.draw(mangled(sound)))
    elif kind == "packed":  # the damage is inside, where the checksum is right
        inner = zlib.compress(data.draw(mangled(sound[128:])))
        file.write_bytes(sound[:128] + struct.pack("<II", 15, len(inner)) + inner)
    else:
        fields = st.dictionaries(
            st.sampled_from(["image_index", *ANNOTATION_COLUMNS]), st.lists(LEAVES, max_size=3)
        )
        halves = data.draw(st.dictionaries(st.sampled_from(("train", "test")), fields | LEAVES))
        savemat(file, {"market_attribute": halves or 1}, do_compression=packed)
    outcome(lambda: load_dataset(root), file)


def image_file(kind: str, mode: str, **how: object) -> bytes:
    out = BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (32, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(out, kind, **how)
    return out.getvalue()


PICTURES = [
    image_file("jpeg", "RGB"),
    image_file("jpeg", "L", progressive=True),
    image_file("png", "RGB"),
    image_file("png", "P"),
    image_file("gif", "P"),
    image_file("png", "I;16"),
]


@fuzz
@given(data=st.data(), size=st.sampled_from((None, (8, 4))))
def test_images(place: Path, data: st.DataObject, size: tuple[int, int] | None):
    picture, file = data.draw(st.sampled_from(PICTURES)), place / "picture.jpg"
    sides = st.binary(min_size=4, max_size=4)
    claimed = st.builds(
        lambda a, b: picture[:16] + a + b + picture[24:], sides, sides
    )  # a PNG's width and height
    file.write_bytes(data.draw(st.one_of(mangled(picture), claimed, st.binary(max_size=60))))
    image = outcome(lambda: read_image(file, size), file)
    assert image is None or (image.shape[2] == 3 and image.size <= 3 * MAX_PIXELS)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("imagenet")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)


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


class Tiny(nn.Module):
    "A backbone of 84 numbers: a checkpoint of twenty thousand bytes has all the parts of a large one."

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 3, stride=8)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"v": self.conv1(images).mean((2, 3))}

    def set_strides(self, _: str) -> None: ...


def resume(course: Dataset, out: Path, **more: Any) -> Path:
    "Two short epochs, or what is left of them."
    sizes: dict = {"p": 2, "k": 2, "size": (16, 8), "valid": 0.5, "ema": 0.5}
    return train(course, out, epochs=2, weights=None, device="cpu", **sizes, **more)


@pytest.fixture(scope="module")
def begun(place: Path, course: Dataset) -> Iterator[Path]:
    "A run stopped after the first of two epochs, by a network that is soon written and read."

    def tiny(**_: object) -> ReidModel:
        return ReidModel(Tiny(), DenseHeads(3), EmbeddingHead(3, 4), {"size": [16, 8]})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "build_model", tiny)
        with pytest.raises(Hang):
            resume(course, place / "run", after_epoch=stop)
        yield place / "run"


def resume_with(begun: Path, course: Dataset, name: str, content: bytes) -> object:
    "Go on with a copy of a run in which one file is another."
    out = begun.parent / "again"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(begun, out)
    (out / name).write_bytes(content)
    return outcome(lambda: resume(course, out, resume=True), out, "a finite number")


@fuzz
@given(data=st.data())
def test_configurations_of_a_run(begun: Path, course: Dataset, data: st.DataObject):
    sound = (begun / "config.json").read_bytes()
    config = json.loads(sound)
    invented = st.dictionaries(st.sampled_from([*config, "x"]), JSON, max_size=3).map(
        lambda new: config | new
    )
    written = (invented | JSON).map(lambda content: json.dumps(content).encode())
    content = data.draw(st.one_of(mangled(sound), written, st.binary(max_size=60)))
    resume_with(begun, course, "config.json", content)


@fuzz
@given(data=st.data(), damaged=st.booleans())
def test_checkpoints_of_a_run(begun: Path, course: Dataset, data: st.DataObject, damaged: bool):
    file = begun / "last.safetensors"
    content, (tensors, header) = file.read_bytes(), read_weights(file)
    if damaged:
        content = data.draw(mangled(content))
    else:  # a sound file, with another log
        training = json.loads(header["training"])
        row = training["log"][0]
        cells = st.dictionaries(st.sampled_from([*row, "x"]), JSON, max_size=3)
        logs = st.lists(cells.map(lambda new: row | new) | cells | JSON, max_size=3) | cells | JSON
        described = data.draw(logs.map(lambda log: training | {"log": log}) | JSON)
        content = save(tensors, header | {"training": json.dumps(described)})
    resume_with(begun, course, file.name, content)


ODD = st.builds(
    torch.full,
    st.sampled_from(((), (0,), (1,), (3,), (4, 3))),
    st.sampled_from((0, -1, torch.nan)),
    dtype=st.sampled_from((torch.float32, torch.float16, torch.complex64)),
)


@fuzz
@given(data=st.data(), lost=st.booleans())
def test_parts_of_a_checkpoint(begun: Path, course: Dataset, data: st.DataObject, lost: bool):
    file = begun / "last.safetensors"
    tensors, header = read_weights(file)
    if lost:
        parts = sorted({*tensors, *(name[: name.rindex("/") + 1] for name in tensors if "/" in name)})
        gone = data.draw(st.sampled_from(parts))
        found = {name: x for name, x in tensors.items() if not name.startswith(gone)}
    else:
        names = st.sampled_from([*sorted(tensors), "x", "optimizer/0/x", "optimizer/99/step", "optimizer/x"])
        found = tensors | {data.draw(names): data.draw(ODD)}
    gone_on = resume_with(begun, course, file.name, save(found, header))
    same = all(name in found and found[name].shape == x.shape for name, x in tensors.items())
    assert same or not gone_on, "a checkpoint that lacks a part was gone on with"


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
def test_submissions(place: Path, course: Dataset, data: st.DataObject):
    out = place / "submission"
    out.mkdir(exist_ok=True)
    files = [Path(path).name for path in course.gallery.path]
    row = ",".join(["2", *["1"] * 26])
    table = "\n".join([",".join(("id", *ANNOTATION_COLUMNS)), *(f"{name},{row}" for name in files)])
    lists = "".join(f"{Path(path).name}: {', '.join(files[:3])}\n" for path in course.query.path)
    sound = {"classification_test.csv": table.encode(), "reid_test.txt": lists.encode()}
    for name, content in sound.items():
        (out / name).write_bytes(data.draw(st.just(content) | mangled(content)))
    outcome(lambda: validate_submission(out, course), *(out / name for name in sound))


WORDS = st.text(max_size=8) | st.sampled_from([*NAMES, "yes", "no", "red", "red,blue", ",", "="])


@fuzz
@given(pairs=st.lists(st.one_of(WORDS, st.builds("{}={}".format, WORDS, WORDS)), max_size=3))
def test_where(pairs: list[str]):
    found = outcome(lambda: parse_where(pairs), "=", "no attribute", "cannot be")
    assert found is None or set(found) <= set(NAMES)


@fuzz
@given(data=st.data())
def test_archives(place: Path, data: st.DataObject):
    file, out = place / "packed.zip", place / "unpacked"
    names = data.draw(
        st.lists(NAME | st.sampled_from(("../a.jpg", "/a.jpg", "a/", "A/1.jpg", "a")), max_size=2)
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("a/1.jpg", "b/1.jpg", *names):
            text = name.encode(errors="replace").decode()
            packed.writestr(text, b"content")
    if data.draw(st.booleans()):
        file.write_bytes(data.draw(mangled(file.read_bytes())))
    before = set(place.iterdir())
    if outcome(lambda: unpack(file, out), file):
        assert all(path.resolve().is_relative_to(out.resolve()) for path in out.rglob("*"))
        shutil.rmtree(out)
    assert set(place.iterdir()) == before


@fuzz
@given(data=st.data())
def test_skip_lists(place: Path, course: Dataset, data: st.DataObject):
    file = place / "skip.csv"
    names = [Path(path).relative_to(course.root).as_posix() for path in course.gallery.path[:3]]
    text = "\n".join(["path,kind,fault", *(f"{name},image,damaged" for name in names)])
    file.write_bytes(data.draw(st.one_of(mangled(text.encode()), st.binary(max_size=60))))
    found = outcome(lambda: read_skip_list(file), file)
    if found is not None:
        outcome(lambda: load_dataset(course.root, found), course.root)
