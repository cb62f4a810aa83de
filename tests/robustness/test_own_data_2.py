"""Data of one's own: each situation that people have reported, with the right value, and the next doors."""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
from owned import NAMES, QUICK, counts, folders, official, person, refused, write
from PIL import Image

from reid_course.cli.archive import extract_dataset
from reid_course.cli.check import NO_CROP, count_dataset, find_issues
from reid_course.data import load_dataset, scan_dataset
from reid_course.engine.decode import read_image
from reid_course.training import train


@pytest.mark.parametrize(
    ("junk", "distractors"), (("-1", "0000"), ("junk", "0"), ("Junk", "Distractors"), ("-1", "00000"))
)
def test_junk_and_distractors_are_nobody_in_every_layout(junk: str, distractors: str, tmp_path: Path):
    root = folders(tmp_path / "set", 6)
    for name, i in itertools.product((junk, distractors), range(20)):
        write(person(50 + i, i), root / name / f"{i}.png")
    data = load_dataset(root)
    assert (data.train.pid == -1).sum() == (data.train.pid == 0).sum() == 20
    assert sorted(data.names.values()) == [f"p{pid:04d}" for pid in range(1, 7)]
    assert (data.notes[f"{junk}/ taken for junk"], data.notes[f"{distractors}/ taken for distractors"]) == (
        20,
        20,
    )
    run = train(data, tmp_path / "run", **QUICK)
    assert run.config["train_identities"] + run.config["valid_identities"] == 6


def test_one_camera_and_no_queries(tmp_path: Path):
    root = official(tmp_path / "set", "{pid:04d}_c1s1_{i:06d}_0{cam}.png")
    data = load_dataset(root)
    assert "one camera, so no score across cameras" in data.summary and data.can_be_scored
    shutil.rmtree(root / "query")
    (root / "query").mkdir()
    data = load_dataset(root)
    assert (counts(data)[1], data.can_be_scored) == (0, False)
    assert "no queries, so the gallery is not scored" in data.summary
    assert np.isnan(train(data, tmp_path / "run", **QUICK).log.mAP_cross_camera.iloc[0])


def test_test_folders_alone(tmp_path: Path):
    root = official(tmp_path / "set")
    shutil.rmtree(root / "bounding_box_train")
    data = load_dataset(root)
    assert (data.layout, counts(data), data.can_be_scored) == ("official", (0, 6, 14), True)
    assert count_dataset(data)[["identities in train", "fewest images of one"]].tolist() == [0, 0]
    refused(
        lambda: train(data, tmp_path / "run", **QUICK),
        "nothing to train on; expected people or labels in train",
    )
    shutil.make_archive(str(tmp_path / "test"), "zip", root)
    assert counts(load_dataset(extract_dataset(tmp_path / "test.zip", tmp_path / "out"))) == (0, 6, 14)


@pytest.mark.parametrize("of", NAMES)
def test_names_of_other_data_sets(of: str, tmp_path: Path):
    data = load_dataset(official(tmp_path / "set", NAMES[of]))
    cameras = [11, 12] if of == "ten cameras" else [1, 2]
    assert (
        sorted(data.train.pid) == sorted([*range(1, 7)] * 2) and sorted(data.train.camid.unique()) == cameras
    )
    assert set(data.gallery.pid) == {-1, 0, *range(7, 13)}


def test_one_image_of_each_is_said(tmp_path: Path):
    data = load_dataset(folders(tmp_path, 6, 1))
    assert "6 people, one image of each, so nobody can be found again" in data.summary


@pytest.mark.parametrize("behind", (b"\xff\xda" * 200, np.random.default_rng(0).bytes(2**21)))
def test_a_motion_photo_is_its_still(behind: bytes, tmp_path: Path):
    still = write(person(1, 1, (120, 60)), tmp_path / "still.jpg", progressive=True)
    (tmp_path / "motion.jpg").write_bytes(still.read_bytes() + behind)
    assert (read_image(tmp_path / "motion.jpg") == read_image(still)).all()
    data = still.read_bytes()
    scan = data[data.rindex(b"\xff\xda") : -2]
    (tmp_path / "many.jpg").write_bytes(data[:-2] + scan * 100 + data[-2:] + behind)
    refused(lambda: read_image(tmp_path / "many.jpg"), "scans, at most 100")


def test_attributes_of_images_without_identities(tmp_path: Path):
    root, rows = tmp_path / "set", []
    for i in range(12):
        write(person(i % 2, i), root / f"{i}.png")
        rows.append(f"{i}.png,{('male', 'female')[i % 2]}\n")
    (root / "attributes.csv").write_text("path,gender\n" + "".join(rows))
    data = load_dataset(root)
    assert (data.layout, set(data.train.pid), data.train.gender.tolist().count(1)) == ("table", {-2}, 6)
    assert "no identities" in data.summary
    refused(
        lambda: train(root, tmp_path / "run", tasks="both", **QUICK),
        "has no identities; expected some, or tasks='att",
    )
    run = train(root, tmp_path / "run", **QUICK | {"epochs": 2})
    assert (run.config["tasks"], run.config["train_identities"], len(run.held_out(root))) == (
        "attributes",
        0,
        4,
    )
    assert run.log.accuracy.between(0, 1).all() and run.log.mAP.isna().all()
    assert set(run.model().predict(data.train.path[:3].tolist()).labels().gender) <= {"male", "female"}


def test_what_is_transparent_is_white(tmp_path: Path):
    glass = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    glass.putpixel((1, 0), (9, 8, 7, 255))
    for name, image in {"a.png": glass, "b.png": glass.convert("P"), "c.webp": glass, "d.tif": glass}.items():
        how = {"lossless": True} if name == "c.webp" else {}
        assert read_image(write(image, tmp_path / name, **how))[0, 0].tolist() == [255, 255, 255], name
    grey = Image.new("LA", (1, 1), (0, 0))
    assert read_image(write(grey, tmp_path / "e.png")).tolist() == [[[255, 255, 255]]]
    key = Image.new("RGB", (1, 1), (1, 2, 3))
    assert read_image(write(key, tmp_path / "f.png", transparency=(1, 2, 3))).tolist() == [[[255, 255, 255]]]


def test_the_data_set_inside_is_named(tmp_path: Path):
    official(tmp_path / "a" / "b" / "Market")
    refused(
        lambda: load_dataset(tmp_path / "a"),
        "a is not a data set; b/Market (official layout) inside it is one",
    )
    shutil.make_archive(str(tmp_path / "outer"), "zip", tmp_path / "a")
    refused(
        lambda: extract_dataset(tmp_path / "outer.zip", tmp_path / "out"),
        "Market (official layout) inside it is one",
    )
    (tmp_path / "zips").mkdir()
    shutil.move(tmp_path / "outer.zip", tmp_path / "zips" / "inner.zip")
    refused(lambda: load_dataset(tmp_path / "zips"), "it holds the archive inner.zip: unpack that one")
    refused(lambda: load_dataset(tmp_path / "zips" / "inner.zip"), "unpack it: reid-course data unpack")


def test_a_picture_that_is_no_crop_of_a_person_is_said(tmp_path: Path):
    root = folders(tmp_path, 3)
    write(person(1, 1, (10, 40)), root / "p0001" / "scene.png")
    data, issues = find_issues(root)
    assert (data.notes[NO_CROP], issues) == (1, [])


@pytest.mark.parametrize("extra", ("@eaDir/x", "__MACOSX", ".cache", "$RECYCLE.BIN"))
def test_folders_of_systems_are_no_people(extra: str, tmp_path: Path):
    root = folders(tmp_path, 3)
    write(person(1, 1), root / extra / "1.png")
    write(person(1, 1), root / "p0001" / "@eaDir" / "1.png")
    (root / "p0001" / "._0_c1_.png").write_bytes(b"what a Mac adds")
    data, issues = find_issues(root)
    assert (counts(data), data.train.pid.nunique(), issues) == ((9, 0, 0), 3, [])
    assert data.notes["left out: .png in p0001/"] == 1


def test_images_too_deep_are_issues(tmp_path: Path):
    root = folders(tmp_path / "set", 3)
    write(person(4, 1), root / "dora" / "cam1" / "1.png")
    write(person(1, 9), root / "p0001" / "more" / "1.png")
    issues = scan_dataset(root)[1]
    assert [issue.path for issue in issues] == [str(root / "dora" / "cam1"), str(root / "p0001" / "more")]
    refused(lambda: load_dataset(root), "cam1 holds 1 images too deep for the folder layout")
    base = official(tmp_path / "base")
    write(person(1, 9), base / "bounding_box_train" / "0001" / "1.png")
    refused(lambda: load_dataset(base), "0001 holds 1 images too deep for the official layout")
