"""Data of one's own: each situation that people have reported, with the right value, and the next doors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from owned import POSIX, QUICK, counts, folders, person, refused, write
from PIL import Image

from reid_course.data import MARKET, Attribute, load_dataset, scan_dataset
from reid_course.engine.decode import read_image
from reid_course.engine.layouts import LAYOUTS, Layout
from reid_course.training import train


@POSIX
def test_links_are_followed_once(tmp_path: Path):
    root = folders(tmp_path / "set", 2)
    elsewhere = folders(tmp_path / "elsewhere", 1) / "p0001"
    (root / "p0003").symlink_to(elsewhere, target_is_directory=True)
    (root / "p0002" / "round").symlink_to(root, target_is_directory=True)
    data, issues = scan_dataset(root)
    assert (data.train.pid.nunique(), counts(data), issues) == (3, (9, 0, 0), [])


@pytest.mark.parametrize(
    ("name", "image", "how"),
    [
        ("cmyk.jpg", lambda: person(1, 1).convert("CMYK"), {"quality": 95}),
        ("grey.jpg", lambda: person(1, 1).convert("L"), {"quality": 95}),
        ("bits.png", lambda: person(1, 1).convert("1"), {}),
        ("palette.bmp", lambda: person(1, 1).convert("P"), {}),
        ("pages.tif", lambda: person(1, 1), {"save_all": True, "append_images": [Image.new("RGB", (8, 16))]}),
        ("film.webp", lambda: person(1, 1), {"save_all": True, "append_images": [Image.new("RGB", (8, 16))]}),
        (
            "two.jpg",
            lambda: person(1, 1),
            {"format": "MPO", "save_all": True, "append_images": [Image.new("RGB", (8, 16))]},
        ),
        ("lzw.tiff", lambda: person(1, 1), {"compression": "tiff_lzw"}),
        ("wrong.jpg", lambda: person(1, 1), {"format": "PNG"}),  # by its content, whatever its name
    ],
)
def test_kinds_of_pictures(
    name: str, image: Callable[[], Image.Image], how: dict[str, object], tmp_path: Path
):
    expected = np.asarray(image().convert("RGB")).astype(int)
    found = read_image(write(image(), tmp_path / name, **how)).astype(int)
    assert found.shape == (16, 8, 3) and abs(found - expected).mean() < 12, abs(found - expected).mean()


@pytest.mark.parametrize("turn", (0, 9, 255, 65535))
def test_a_turn_that_says_nothing_is_none(turn: object, tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = turn
    assert read_image(write(person(1, 1), tmp_path / "x.png", exif=exif)).shape == (16, 8, 3)


def test_other_depths_are_refused_by_name(tmp_path: Path):
    for image in (Image.new("I", (2, 2), 70_000), Image.new("F", (2, 2))):
        refused(lambda image=image: read_image(write(image, tmp_path / "x.tif")), "32 bits a pixel")
    write(person(1, 1), tmp_path / "x.gif")
    refused(lambda: read_image(tmp_path / "x.gif"), "none of JPEG, PNG, BMP, WebP, TIFF")


def test_a_table_instead_of_a_folder(images: list[Path]):
    table = pd.DataFrame(
        {"path": images, "pid": [7, 7, 9, 9, 0, -1, 11, 11], "camid": [1.0, 2, 1, np.nan, 1, 1, 1, 2]}
    )
    data = load_dataset(
        table.assign(hat=[True, True, False, None, None, None, False, False], x=["a", "b"] * 4)
    )
    assert data.train.pid.tolist() == [7, 7, 9, 9, 0, -1, 11, 11] and data.train.camid.isna().sum() == 1
    assert data.schema == (MARKET[8], Attribute("x", ("a", "b"))) and data.train.hat.tolist()[:4] == [
        1,
        1,
        0,
        -1,
    ]
    named = load_dataset(
        table.assign(pid=["ben", "anna"] * 4, camid=["yard", "hall"] * 4, split=["query", "gallery"] * 4)
    )
    assert (counts(named), named.names) == ((0, 4, 4), {1: "anna", 2: "ben"})
    assert named.query.camid.tolist() == [2] * 4 and named.notes["camera 1 is hall"] == 4
    assert load_dataset(data.train, schema=data.schema).train[list(data.train)].equals(data.train)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hat": 1}, "hat is in numbers; expected words, or the schema= that they are of"),
        ({"pid": -3}, "id is '-3'; expected one spelling of each, and none below -2"),
        ({"pid": ["7", "07"] * 4}, "id is '07'; expected one spelling"),
        ({"path": "nowhere.png"}, "'nowhere.png' is no image that is there"),
        ({"split": "val"}, "split is 'val'; expected train, query or gallery"),
        ({"frame": range(100, 108), "distance": 1}, "'distance', which has a meaning of its own here"),
        ({"remark": [f"r{i}" for i in range(8)], "Remark": "x"}, "'Remark', as one before it"),
    ],
)
def test_slips_in_a_table_in_memory(change: dict[str, object], said: str, images: list[Path]):
    table = pd.DataFrame({"path": images, "pid": [1, 1, 2, 2, 3, 3, 4, 4]})
    refused(lambda: load_dataset(table.assign(**change)), said)


def test_class_numbers_mean_what_the_schema_says(images: list[Path]):
    schema = (Attribute("shoes", ("sandals", "boots", "clogs")), MARKET[8])
    table = pd.DataFrame(
        {"path": images, "pid": [1, 1, 2, 2, 3, 3, 4, 4], "shoes": [0, 1, 2, -1] * 2, "hat": "yes"}
    )
    data = load_dataset(table, schema=schema)
    assert data.schema == schema and data.train[["shoes", "hat"]].to_numpy().tolist()[:4] == [
        [0, 1],
        [1, 1],
        [2, 1],
        [-1, 1],
    ]
    refused(
        lambda: load_dataset(table.assign(shoes=3), schema=schema),
        "shoes is 3; expected a number below 3, or -1",
    )
    refused(
        lambda: load_dataset(table.assign(shoes="mules"), schema=schema),
        "shoes is 'mules'; expected sandals, boots",
    )
    other = (Attribute("shoes", ("boots", "clogs", "sandals")), Attribute("bag", ("no", "yes")))
    assert data.in_schema(other).train[["shoes", "bag"]].to_numpy().tolist()[:4] == [
        [2, -1],
        [0, -1],
        [1, -1],
        [-1, -1],
    ]
    refused(
        lambda: data.in_schema((Attribute("shoes", ("boots", "clogs")),)), "shoes is 'sandals' in 2 images"
    )


def test_a_run_is_not_resumed_on_other_labels(tmp_path: Path):
    root = folders(tmp_path / "set", 6)
    labels = "id,x\n" + "".join(f"p{i:04d},{'ab'[i % 2]}\n" for i in range(1, 7))
    (root / "attributes.csv").write_text(labels)
    run = train(root, tmp_path / "run", **QUICK)
    (root / "attributes.csv").write_text(labels.replace("p0001,b", "p0001,a"))
    refused(lambda: train(root, tmp_path / "run", resume=True, **QUICK), "was begun on other people")
    assert run.finished


def test_a_layout_of_ones_own(tmp_path: Path):
    for i in range(4):
        write(person(i, i), tmp_path / "pool" / f"person{i // 2}-{i}.png")

    def load(raw: object) -> None:
        raw.take("train", "pool", lambda path: (1 + int(path.stem[6]), None))

    LAYOUTS.insert(0, Layout("pool", "pool/", lambda raw: "pool" in raw.files, load))
    try:
        data = load_dataset(tmp_path)
    finally:
        LAYOUTS.pop(0)
    assert (data.layout, data.train.pid.tolist()) == ("pool", [1, 1, 2, 2])
