"""Data of one's own: each situation that people have reported, with the right value, and the next doors."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from owned import QUICK, attribute_file, counts, folders, official, person, refused, write
from PIL import Image

from reid_course.cli.check import count_dataset, find_issues
from reid_course.data import MARKET, Attribute, load_dataset
from reid_course.deploy.onnx import export_onnx
from reid_course.engine.decode import read_image
from reid_course.retrieval import Gallery
from reid_course.training import Run, train


def test_flat_split_folders_are_read_as_what_they_are(tmp_path: Path):
    base = official(tmp_path / "base")
    for old, new in (("bounding_box_train", "train"), ("bounding_box_test", "gallery")):
        (base / old).rename(base / new)
    data, issues = find_issues(base)
    assert (data.layout, issues, counts(data)) == ("split", [], (12, 6, 14))
    assert data.train.pid.nunique() == 6 and sorted(data.query.pid) == list(range(7, 13))
    totals = count_dataset(data)
    assert totals["identities in train"] == 6
    assert [totals[f"{x}/ taken for {x}"] for x in ("train", "query", "gallery")] == [12, 6, 14]
    assert (
        "split layout: 12 train images; 6 query images; 14 gallery images; 1 distractors; 1 junk"
        in data.summary
    )


def test_folders_of_people_in_each_split(tmp_path: Path):
    for part, who in (("train", ("ben", "anna")), ("query", ("carl",)), ("test", ("carl", "-1"))):
        for name in who:
            write(person(len(name), len(part)), tmp_path / part / name / "1_c2_.jpg")
    data = load_dataset(tmp_path)
    assert (data.layout, counts(data), data.can_be_scored) == ("split", (2, 1, 2), True)
    assert data.names == {1: "anna", 2: "ben", 3: "carl"} and sorted(data.gallery.pid) == [-1, 3]


def test_held_out_is_who_was_held_out_whatever_folders_are_called(a_run: tuple[Path, Run], tmp_path: Path):
    root, run = a_run
    before = run.held_out(root)
    assert set(run.people["valid"]) == {Path(path).parent.name for path in before.path} and len(before) == 6
    renamed = Path(shutil.copytree(root, tmp_path / "renamed"))
    first = sorted(run.people["train"])[0]
    (renamed / first).rename(renamed / "zzz")
    table = (renamed / "attributes.csv").read_text()
    (renamed / "attributes.csv").write_text(table.replace(first, "zzz"))
    after = run.held_out(renamed)
    assert [Path(path).parts[-2:] for path in after.path] == [Path(path).parts[-2:] for path in before.path]
    assert after.pid.tolist() != before.pid.tolist()  # numbers move, people stay
    assert after[["gender", "shoes"]].equals(before[["gender", "shoes"]])


def test_another_data_set_with_as_many_people_holds_nobody_out(a_run: tuple[Path, Run], tmp_path: Path):
    other = folders(tmp_path / "other", 8)
    for file in sorted(other.rglob("*.png")):
        Image.open(file).transpose(Image.Transpose.ROTATE_180).save(file)
    refused(lambda: a_run[1].held_out(other), "holds none of the people that")


def test_a_grey_image_of_sixteen_bits_is_scaled(tmp_path: Path):
    grey = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (32, 1))
    for name in ("deep.png", "deep.tif"):
        file = write(Image.fromarray(grey.astype(np.uint16) * 257), tmp_path / name)
        assert (read_image(file) == grey[..., None]).all()


@pytest.mark.parametrize("kind", ("jpg", "png", "webp", "tif"))
def test_a_turned_photo_is_upright(kind: str, tmp_path: Path):
    upright, exif = person(1, 1, (32, 16)), Image.Exif()
    upright.paste("black", (0, 0, 16, 8))  # its head
    exif[0x0112] = 6
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    image = read_image(write(lying, tmp_path / f"turned.{kind}", exif=exif, quality=95)).astype(int)
    assert image.shape == (32, 16, 3) and abs(image - np.asarray(upright)).mean() < 8


def test_photos_of_phones(tmp_path: Path):
    for side in (3464, 7071):  # 12 and 50 megapixels
        file = write(person(1, 1).resize((side, side)), tmp_path / "photo.jpg")
        small = read_image(file, (128, 64))
        assert small.shape == (128, 64, 3)
        assert abs(small.astype(int) - np.asarray(person(1, 1).resize((64, 128))).astype(int)).mean() < 8
    refused(lambda: read_image(write(Image.new("L", (9000, 9000)), tmp_path / "x.jpg")), "81,000,000 pixels")
    for brand, kind in ((b"heic", "HEIC"), (b"mif1", "HEIC"), (b"avif", "AVIF")):
        (tmp_path / "x").write_bytes(b"\0\0\0\x1cftyp" + brand + bytes(64))
        refused(lambda: read_image(tmp_path / "x"), "save it as JPEG")
        assert kind in refused(lambda: read_image(tmp_path / "x"), "x: not a readable image")


def test_attributes_with_own_names_and_values(tmp_path: Path):
    root = folders(tmp_path, 3)
    (root / "attributes.csv").write_text(
        "id,Gender,helmet,hair\np0001,man,yes,long\np0002,woman,,short\np0003,man,no,\n"
    )
    data = load_dataset(root)
    own = Attribute("Gender", ("man", "woman")), Attribute("helmet", ("no", "yes")), MARKET[7]
    assert data.schema == own and data.labelled == own
    assert data.train.groupby("pid")[["Gender", "helmet", "hair"]].first().to_numpy().tolist() == [
        [0, 1, 1],
        [1, -1, 0],
        [0, 0, -1],
    ]
    assert count_dataset(data)[["Gender: man", "Gender: woman", "hair: unknown"]].tolist() == [6, 3, 3]


@pytest.mark.parametrize("where", ("", "attribute", "deep/er"))
def test_the_attribute_file_is_found_in_a_sub_folder(where: str, tmp_path: Path):
    root = official(tmp_path / "set")
    assert load_dataset(root).labelled == ()
    attribute_file(root / where / "market_attribute.mat")
    data = load_dataset(root)
    assert set(data.train.hat) == {1} and set(data.train.gender) == {0} and data.labelled == MARKET
    assert set(data.gallery.hat[data.gallery.pid > 0]) == {1} and set(
        data.gallery.hat[data.gallery.pid < 1]
    ) == {-1}
    assert (f"labels from {where}/market_attribute.mat" in data.notes) == bool(where)


def test_a_wish_by_hand_is_done_or_refused(tmp_path: Path):
    root = folders(tmp_path / "set", 6)
    refused(
        lambda: train(root, tmp_path / "run", tasks="attributes", **QUICK),
        "has no attribute labels; expected some",
    )
    refused(lambda: train(root, tmp_path / "run", "sa", **QUICK), "sa is a way to read attributes")
    assert not (tmp_path / "run").exists()
    (root / "attributes.csv").write_text("id,hat\np0001,yes\np0004,no\n")
    assert train(root, tmp_path / "run", **QUICK).config["tasks"] == "both"


def test_only_labelled_attributes_are_answered(a_run: tuple[Path, Run]):
    root, run = a_run
    assert [a.name for a in run.schema] == ["gender", "shoes"]
    labels = run.model().predict(str(next(root.rglob("*.png")))).labels()
    assert list(labels) == ["gender", "shoes"] and labels.shoes[0] in ("boots", "clogs")


def test_only_labelled_attributes_are_searched_for_and_exported(a_run: tuple[Path, Run], tmp_path: Path):
    root, run = a_run
    onnx = pytest.importorskip("onnxruntime")
    session = onnx.InferenceSession(export_onnx(run.model(), tmp_path / "network.onnx"))
    assert sorted(output.name for output in session.get_outputs()) == ["embedding", "gender", "shoes"]
    gallery = Gallery(model=run.model())
    gallery.add_images(load_dataset(root).train)
    assert len(gallery.search(top=99, where={"shoes": ["boots", "clogs"]})) == len(gallery) > 0
    assert "gender, shoes" in refused(lambda: gallery.search(top=1, where={"hat": "yes"}), "hat")


def test_formats_do_not_vanish(tmp_path: Path):
    root = folders(tmp_path)
    for folder, kind in zip(
        sorted(root.iterdir()), (".bmp", ".webp", ".tif", ".jfif", ".TIFF", ".jpe"), strict=False
    ):
        for file in folder.iterdir():
            Image.open(file).save(file.with_suffix(kind), "JPEG" if kind in (".jfif", ".jpe") else None)
            file.unlink()
    data, issues = find_issues(root)
    assert (issues, counts(data), data.train.pid.nunique()) == ([], (36, 0, 0), 12)
    write(person(1, 0), root / "p0001" / "1.gif")
    (root / "p0001" / "2.HEIC").write_bytes(b"\0\0\0\x1cftypheic")
    (root / "p0002" / "notes.txt").touch()
    (root / "p0002" / "Thumbs.db").touch()
    data, issues = find_issues(root)
    assert [(issue.kind, Path(issue.path).name) for issue in issues] == [
        ("image", "1.gif"),
        ("image", "2.HEIC"),
    ]
    assert "a picture of the kind HEIC; save it as JPEG" in issues[1].message
    totals = count_dataset(data, issues)
    assert totals[["left out: .txt in p0002/", "left out: .db in p0002/", "issues: image"]].tolist() == [
        1,
        1,
        2,
    ]
    assert counts(load_dataset(root, ["p0001/1.gif", "p0001/2.HEIC"])) == (36, 0, 0)
