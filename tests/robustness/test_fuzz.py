"""Damaged and invented input: a result, or a ReidError that names the file, soon and in little memory.

`make fuzz` tries ten thousand cases, new ones each time; `make test` a few hundred, always the same.
"""

import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fuzzing import JSON, bounded_memory, fuzz, mangled, outcome
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save
from scipy.io import savemat

from reid_course.backbone import resnet_backbone
from reid_course.cli.archive import extract_dataset, read_skip_list
from reid_course.data import ANNOTATION_COLUMNS, ATTRIBUTES, Dataset, load_dataset, scan_dataset
from reid_course.engine.decode import MAX_PIXELS, read_image
from reid_course.engine.inventory import parse_name
from reid_course.minimarket import make_minimarket
from reid_course.model import build_model, load_model
from reid_course.retrieval import Gallery, parse_where
from reid_course.submission import validate_submission

NAMES = [a.name for a in ATTRIBUTES]


@pytest.fixture(scope="module", autouse=True)
def memory_is_bounded() -> Iterator[None]:
    with bounded_memory():
        yield


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
).filter(lambda name: not set(name) & set("/\0") and name[0] != ".")  # a hidden file is left out


@fuzz
@given(name=NAME, folder=st.sampled_from(("train", "test")))
def test_file_names(course: Dataset, name: str, folder: str):
    file = course.root / folder / f"{name[:40]}.jpg"
    outcome(lambda: parse_name(file), file)
    try:
        if file.exists():
            return
        file.touch()
    except (OSError, UnicodeError):  # no name on this system
        return
    try:
        _, faults = scan_dataset(course.root)
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
    image_file("png", "RGBA"),
    image_file("bmp", "RGB"),
    image_file("webp", "RGB"),
    image_file("webp", "RGBA", lossless=True),
    image_file("tiff", "RGB"),
    *(image_file("tiff", "RGB", compression=way) for way in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")),
    image_file("jpeg", "RGB", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
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
    if outcome(lambda: extract_dataset(file, out), file):
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
