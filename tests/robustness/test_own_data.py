"""Data of one's own: each situation that people have reported, with the right value, and the next doors."""

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import savemat

from reid_course.cli.archive import extract_dataset
from reid_course.cli.check import NO_CROP, count_dataset, find_issues
from reid_course.data import ANNOTATION_COLUMNS, MARKET, Attribute, Dataset, load_dataset, scan_dataset
from reid_course.engine.decode import read_image
from reid_course.engine.layouts import LAYOUTS, Layout
from reid_course.errors import ReidError
from reid_course.training import Run, train

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs links of POSIX systems")
PIDS = range(1, 13)  # twelve people; six to train on, six to search for
QUICK = {
    "weights": None,
    "size": (32, 16),
    "strides": "imagenet",
    "epochs": 1,
    "p": 2,
    "k": 2,
    "device": "cpu",
}


def person(pid: int, image: int, size: tuple[int, int] = (16, 8)) -> Image.Image:
    "Another picture of each person each time."
    rng = np.random.default_rng((pid + 1, image))
    ground = np.full((*size, 3), (20 * pid + 20, 255 - 20 * pid, 100), int)
    return Image.fromarray((ground + rng.integers(-15, 16, ground.shape)).clip(0, 255).astype(np.uint8))


def write(image: Image.Image, path: Path, **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **how)
    return path


def folders(root: Path, people: int = 12, images: int = 3, kind: str = ".png") -> Path:
    "A sub-folder a person: p0001/1_c1_.png."
    for pid, i in itertools.product(range(1, people + 1), range(images)):
        write(person(pid, i), root / f"p{pid:04d}" / f"{i}_c{i + 1}_{kind}")
    return root


def official(root: Path, name: str = "{pid:04d}_c{cam}s1_{i:06d}_00.png") -> Path:
    "The official layout with six people to train on and six to search for, at two cameras; 0000 and -1 in the gallery."
    for pid, cam in itertools.product(PIDS, (1, 2)):
        parts = ("bounding_box_train",) if pid < 7 else ("bounding_box_test", *["query"] * (cam == 1))
        for i, part in enumerate(parts):
            write(person(pid, cam + 5 * i), root / part / name.format(pid=pid, cam=cam, i=10 * cam + i))
    write(person(0, 0), root / "bounding_box_test" / name.format(pid=0, cam=1, i=90))
    junk = name.replace("{pid:05d}", "{pid:04d}").replace("{pid:04d}", "-1").format(cam=2, i=91)
    write(person(10, 9), root / "bounding_box_test" / junk)
    return root


def attribute_file(file: Path) -> Path:
    "Market-1501's file for the twelve people: everybody is a man with a hat."
    file.parent.mkdir(parents=True, exist_ok=True)
    halves = {}
    for half, pids in (("train", range(1, 7)), ("test", range(7, 13))):
        columns = {column: np.ones(6) for column in ANNOTATION_COLUMNS} | {"hat": np.full(6, 2.0)}
        halves[half] = columns | {"image_index": np.array([f"{pid:04d}" for pid in pids], object)}
    savemat(file, {"market_attribute": halves})
    return file


def counts(data: Dataset) -> tuple[int, ...]:
    return tuple(len(frame) for frame in data.tables.values())


def refused(call: Callable[[], object], said: str) -> str:
    "One line that says why."
    with pytest.raises(ReidError) as caught:
        call()
    line = str(caught.value)
    assert said in line and "\n" not in line, line
    return line


# What was reported: each row of the table


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


@pytest.fixture(scope="module")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    "Folders, and a run on them."
    root = folders(tmp_path_factory.mktemp("own") / "folders", 8)
    (root / "attributes.csv").write_text(
        "id,gender,shoes\n"
        + "".join(f"p{i:04d},{'fe' * (i % 2)}male,{'boots' if i < 5 else 'clogs'}\n" for i in range(1, 9))
    )
    return root, train(root, root.parent / "run", **QUICK)


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


NAMES = {
    "DukeMTMC": "{pid:04d}_c{cam}_f{i:07d}.png",
    "VeRi": "{pid:04d}_c{cam:03d}_{i:08d}_0.png",
    "CUHK03-NP": "{pid:04d}_c{cam}_{i}.png",
    "MSMT17": "{pid:04d}_c{cam}_0303morning_{i:04d}.png",
    "ten cameras": "{pid:04d}_c1{cam}s1_{i:06d}_00.png",
    "five digits": "{pid:05d}_c{cam}s1_{i:06d}_00.png",
}


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


# The next doors: other metadata, other reserved names, other formats, other half-layouts


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


def test_left_overs_are_said_and_no_issue(tmp_path: Path):
    root = official(tmp_path / "base")
    write(person(1, 1), root / "gt_bbox" / "0001_c1s1_000001_00.png")
    (root / "gt_query").mkdir()
    (root / "gt_query" / "0001_c1s1_000001_00_good.mat").touch()
    (root / "readme.txt").touch()
    data = load_dataset(root)
    kinds = {"left out: .png in gt_bbox/": 1, "left out: .mat in gt_query/": 1, "left out: .txt in ./": 1}
    assert kinds.items() <= data.notes.items() and count_dataset(data)["other files"] == 3
    own = folders(tmp_path / "own", 3)
    write(person(1, 1), own / "stray.png")
    (own / "empty").mkdir()
    notes = load_dataset(own).notes
    assert (notes["left out: .png in ./"], notes["empty/ holds no image"]) == (1, 0)


SLIPS = {
    "case": ("id,hat\np0001,Yes\np0002,no\n", "line 2: hat is 'Yes', but 'yes' elsewhere"),
    "case of an own word": ("id,x\np0001,ab\np0002,Ab\n", "line 3: x is 'Ab', but 'ab' elsewhere"),
    "space": ("id,x\np0001,ab \np0002,c\n", "line 2: x is 'ab '; expected no space"),
    "two spaces": ("id,x\np0001,a  b\np0002,c\n", "line 2: x is 'a  b'; expected no space"),
    "letter": ("id,gender\np0001,femal\np0002,male\n", "line 2: gender is 'femal'; expected male, female"),
    "not known": ("id,x\np0001,NA\np0002,b\n", "line 2: x is 'NA'; expected an empty cell"),
    "several": ('id,x\np0001,"red, blue"\np0002,b\n', "line 2: x is 'red, blue'; expected one word"),
    "twice": ("id,x\np0001,a\np0001,b\n", "line 3: 'p0001' comes twice"),
    "nobody": ("id,x\np0099,a\np0001,b\n", "line 2: 'p0099' is nobody"),
    "semicolons": ("id;x\np0001;a\n", "column 1 is called 'id;x'; expected a name without"),
    "an index": (",id,x\n0,p0001,a\n", "column 1 has no name; expected id or path"),
    "two columns": ("id,x,X\np0001,a,b\n", "column 3 is called 'X', as one before it"),
    "a short row": ("id,x,y\np0001,a\n", "line 2: 2 cells; expected 3"),
    "no key": ("x,y\na,b\n", "column 'id' is missing"),
    "remarks": (
        "id,x\n" + "".join(f"p{i:04d},says {i}\n" for i in range(1, 13)),
        "12 different values in 12 rows",
    ),
    "reserved": ("id,embedding\np0001,a\n", "has a meaning of its own here"),
    "camera": ("id,camera,x\np0001,1,a\n", "column 'camid' beside 'id'"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_in_a_table_are_refused_with_their_line(slip: str, tmp_path: Path):
    root, (text, said) = folders(tmp_path), SLIPS[slip]
    (root / "attributes.csv").write_text(text)
    assert "attributes.csv" in refused(lambda: load_dataset(root), said)
    assert {issue.kind for issue in scan_dataset(root)[1]} == {"table"}


@pytest.mark.parametrize("encoding", ("utf-8-sig", "utf-16", "latin-1"))
def test_tables_of_spreadsheets(encoding: str, tmp_path: Path):
    root = folders(tmp_path, 3)
    (root / "attributes.csv").write_text("ID,größe\np0001,klein\np0002,riesig\n", encoding=encoding)
    if encoding == "utf-8-sig":
        assert load_dataset(root).schema == (Attribute("größe", ("klein", "riesig")),)
    else:
        refused(lambda: load_dataset(root), "expected comma-separated columns in UTF-8")


def test_people_as_a_spreadsheet_and_a_mac_write_them(tmp_path: Path):
    for name in ("0002", "0030", "zoe\u0308"):
        write(person(len(name), 1), tmp_path / name / "1.png")
    (tmp_path / "attributes.csv").write_text("id,x\n2,a\n30,b\nzo\u00eb,b\n", encoding="utf-8")
    data = load_dataset(tmp_path)
    assert data.train.x.tolist() == [0, 1, 1]
    write(person(7, 1), tmp_path / "02" / "1.png")  # now 2 could be either
    refused(lambda: load_dataset(tmp_path), "line 2: '2' is nobody")


def test_the_order_of_classes_does_not_depend_on_the_rows(tmp_path: Path):
    root, columns = (
        folders(tmp_path, 4),
        {"a": ("Yes", "No", "Yes", "No"), "b": ("10", "9", "XL", ""), "hat": ("yes",) * 4},
    )
    rows = [
        ",".join((f"p{i:04d}", *words))
        for i, words in enumerate(zip(*columns.values(), strict=True), start=1)
    ]
    schemas = set()
    for lines in itertools.permutations(rows):
        (root / "attributes.csv").write_text("\n".join([f"id,{','.join(columns)}", *lines]))
        schemas.add(load_dataset(root).schema)
    assert schemas == {(Attribute("a", ("No", "Yes")), Attribute("b", ("9", "10", "XL")), MARKET[8])}
    assert load_dataset(root).notes["column hat, which only says 'yes'"] == 4


def test_a_column_of_one_word_is_left_out_and_said(tmp_path: Path):
    root = folders(tmp_path, 3)
    (root / "attributes.csv").write_text(
        "id,region,x,empty\n" + "".join(f"p{i:04d},asia,{'ab'[i % 2]},\n" for i in (1, 2, 3))
    )
    data = load_dataset(root)
    assert [a.name for a in data.schema] == ["x"]
    assert (
        data.notes["left out: column region, which only says 'asia'"],
        data.notes["column empty is empty"],
    ) == (3, 3)


@pytest.mark.parametrize(
    "name", ("Attributes.CSV", "labels.xlsx", "market_attribute.mat", "p0001/attributes.csv")
)
def test_labels_under_another_name_are_refused_by_it(name: str, tmp_path: Path):
    root = folders(tmp_path, 3)
    (root / name).touch()
    assert Path(name).name in refused(lambda: load_dataset(root), "labels that are not read; expected")


def test_two_tables_of_labels_are_refused(tmp_path: Path):
    root = official(tmp_path / "set")
    attribute_file(root / "market_attribute.mat")
    (root / "attributes.csv").write_text("id,x\n1,a\n")
    refused(lambda: load_dataset(root), "expected one of the two files")
    (root / "attributes.csv").unlink()
    attribute_file(root / "old" / "market_attribute.mat")
    refused(lambda: load_dataset(root), "expected one file of attributes")


def test_own_attributes_of_the_official_layout(tmp_path: Path):
    root = official(tmp_path)
    (root / "attributes.csv").write_text("id,shoes\n1,boots\n0007,clogs\n")
    data = load_dataset(root)
    assert data.train.shoes[data.train.pid == 1].tolist() == [0, 0]
    assert set(data.gallery.shoes[data.gallery.pid == 7]) == set(data.query.shoes[data.query.pid == 7]) == {1}


def test_the_course_layout_without_its_table_and_with_a_stranger(tmp_path: Path):
    for name in ("train/0001_c1_1.png", "train/0002_c2_2.png", "test/000000.png", "queries/000000.png"):
        write(person(len(name), 1), tmp_path / name)
    data = load_dataset(tmp_path)
    assert (data.layout, counts(data), set(data.gallery.pid)) == ("course", (2, 1, 1), {-2})
    assert "no annotations_train.csv, so no attribute is known" in data.summary
    header = ",".join(("id", *ANNOTATION_COLUMNS))
    (tmp_path / "annotations_train.csv").write_text(f"{header}\n1{',1' * 27}\n2{',1' * 27}\n")
    attribute_file(tmp_path / "market_attribute.mat")
    data = load_dataset(tmp_path)
    assert set(data.train.hat) == {0}  # not what the other file says
    assert any("whose people have other numbers" in note for note in data.notes)


def test_ambiguous_folders_are_refused_with_the_layout_needed(tmp_path: Path):
    root = official(tmp_path / "set")
    for old, new in (("bounding_box_train", "trn"), ("query", "qry"), ("bounding_box_test", "tst")):
        (root / old).rename(root / new)
    refused(
        lambda: load_dataset(root),
        "so it is no person's folder; expected the folders train/, query/ and gallery/",
    )
    (root / "trn").rename(root / "train")
    (root / "qry").rename(root / "gallery")
    (root / "tst").rename(root / "test")
    refused(lambda: load_dataset(root), "gallery/ and test/ are both taken for gallery")
    shutil.rmtree(root / "gallery")
    refused(lambda: load_dataset(root / "train"), "around it is one: give that folder")
    write(person(1, 1), root / "train" / "anna" / "1.png")
    refused(lambda: load_dataset(root), "an image beside folders of people")


def test_a_person_may_be_called_train(tmp_path: Path):
    root = folders(tmp_path, 3)
    (root / "p0003").rename(root / "train")
    assert load_dataset(root).names == {1: "p0001", 2: "p0002", 3: "train"}


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


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    return [write(person(i // 2 + 1, i), tmp_path / "images" / f"{i}.png") for i in range(8)]


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
