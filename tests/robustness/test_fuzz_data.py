"""Damaged and invented data sets: a result, or a ReidError that names the file, soon and in little memory.

`make fuzz` tries ten thousand cases, new ones each time; `make test` a few hundred, always the same.
"""

import os
import shutil
import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fuzzing import fuzz, mangled, outcome
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from reid_course.cli.archive import extract_dataset, read_skip_list
from reid_course.data import ANNOTATION_COLUMNS, ATTRIBUTES, Dataset, load_dataset, scan_dataset
from reid_course.engine.decode import MAX_PIXELS, read_image
from reid_course.engine.inventory import parse_name
from reid_course.minimarket import make_minimarket

pytestmark = pytest.mark.usefixtures("memory_is_bounded")
NAMES = [a.name for a in ATTRIBUTES]

NAME = st.one_of(
    st.binary(min_size=1, max_size=40).map(os.fsdecode),
    st.text(min_size=1, max_size=40),
    st.from_regex(r"\A-?\d{1,5}_c\d{1,12}(s\d)?_\d{1,3}(_\d\d)?\Z"),
).filter(lambda name: not set(name) & set("/\0") and name[0] != ".")  # a hidden file is left out


@fuzz
@given(name=NAME, folder=st.sampled_from(("train", "test")))
def test_file_names(dataset: Dataset, name: str, folder: str):
    file = dataset.root / folder / f"{name[:40]}.jpg"
    outcome(lambda: parse_name(file), file)
    try:
        if file.exists():
            return
        file.touch()
    except (OSError, UnicodeError):  # no name on this system
        return
    try:
        _, faults = scan_dataset(dataset.root)
        assert all(fault.path == str(file) for fault in faults)
        outcome(lambda: load_dataset(dataset.root), file)
        assert len(load_dataset(dataset.root, [f"{folder}/{file.name}"]).train) == len(dataset.train)
    finally:
        file.unlink()


ROWS = st.lists(
    st.lists(st.sampled_from(("", "1", "2", "5", "-1", "x", "1.5", "nan", "1e400", '"', "\n", "9" * 30))),
    max_size=4,
)


@fuzz
@given(data=st.data())
def test_annotation_tables(dataset: Dataset, data: st.DataObject):
    file = dataset.root / "annotations_train.csv"
    sound = file.read_bytes()
    header = ",".join(("id", *ANNOTATION_COLUMNS))
    invented = ROWS.map(lambda rows: "\n".join([header, *map(",".join, rows)]).encode())
    file.write_bytes(data.draw(st.one_of(mangled(sound), invented, st.binary(max_size=60))))
    try:
        outcome(lambda: load_dataset(dataset.root), file)
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
def test_skip_lists(place: Path, dataset: Dataset, data: st.DataObject):
    file = place / "skip.csv"
    names = [Path(path).relative_to(dataset.root).as_posix() for path in dataset.gallery.path[:3]]
    text = "\n".join(["path,kind,fault", *(f"{name},image,damaged" for name in names)])
    file.write_bytes(data.draw(st.one_of(mangled(text.encode()), st.binary(max_size=60))))
    found = outcome(lambda: read_skip_list(file), file)
    if found is not None:
        outcome(lambda: load_dataset(dataset.root, found), dataset.root)
