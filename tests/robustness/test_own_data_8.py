"""Data of one's own that was read without a word: cameras taken for people, names of nobody, lost folders, columns."""

from pathlib import Path

import pandas as pd
import pytest
from owned import counts, folders, person, refused, write
from support import failed

from reid_course.data import load_dataset, scan_dataset
from reid_course.engine.inventory import inventory, is_unclear, number_people, reserved_pid
from reid_course.engine.labels import column_names
from reid_course.engine.layouts import sets_inside

# Cameras taken for people

SEEN = {
    "a letter": ("cam_a/001_45.bmp", "cam_b/001_46.bmp"),
    "five cameras": tuple(f"cam{c}/000{pid}_c{c}s1_1.png" for c in range(1, 6) for pid in (1, 2)),
    "below people": ("anna/cam1/1.png", "anna/cam2/1.png", "ben/cam1/1.png"),
    "in parts": ("train/c1/1.png", "train/c2/2.png", "query/c1/3.png", "gallery/c2/4.png"),
    "beside junk": ("Camera-1/1.png", "Camera-2/1.png", "junk/1.png"),
    "one camera": ("C 01/1.png", "C 01/2.png"),
}


@pytest.mark.parametrize("names", SEEN.values(), ids=SEEN)
def test_cameras_are_no_people(names: tuple[str, ...], tmp_path: Path):
    root = tmp_path / "around" / "set"
    for i, name in enumerate(names):
        write(person(i, i), root / name)
    line = refused(lambda: load_dataset(root), "looks like a camera, not like a person; expected a folder of")
    assert "inside it" not in line and sets_inside(tmp_path, inventory(tmp_path)) == []


def test_the_advice_for_folders_of_cameras_holds(tmp_path: Path):
    for i, name in enumerate(("cam1/a.png", "cam1/b.png", "cam2/c.png", "cam2/d.png")):
        write(person(i, i), tmp_path / name)
    text = (
        "path,person_id,camera_id\ncam1/a.png,anna,1\ncam1/b.png,ben,1\ncam2/c.png,anna,2\ncam2/d.png,ben,2\n"
    )
    (tmp_path / "attributes.csv").write_text(text)
    data = load_dataset(tmp_path)
    assert (data.layout, data.names) == ("table", {1: "anna", 2: "ben"})
    assert (data.train.pid.tolist(), data.train.camid.tolist()) == ([1, 2, 1, 2], [1, 1, 2, 2])


@pytest.mark.parametrize("people", (("cam", "carl"), ("c1", "anna"), ("camilla", "camille"), ("cc", "cd1")))
def test_people_with_a_c_are_people(people: tuple[str, ...], tmp_path: Path):
    for i, name in enumerate(people):
        write(person(i, i), tmp_path / name / "1.png")
    assert sorted(load_dataset(tmp_path).names.values()) == sorted(people)


# Names of nobody

NOBODY = [
    "unknown_1",
    "unknown person",
    "Unknown7",
    "unk",
    "UNK_2",
    "undefined",
    "distractor_0",
    "false detections",
]
NOBODY += [
    "0000_distractors",
    "-1_junk",
    "ignore",
    "no person",
    "no_person",
    "none_1",
    "#N/A",
    "\u22122",
    "ＵＮＫ",
]
PEOPLE = [
    "Uncle",
    "Unkas",
    "Ignatius",
    "person_no_1",
    "0_anna",
    "Peter_Junk",
    "Nora",
    "Noone",
    "Nan_Li",
    "Other_Ann",
]


def test_names_of_nobody():
    assert [name for name in NOBODY if not is_unclear(name)] == []
    assert [name for name in PEOPLE if is_unclear(name) or reserved_pid(name) is not None] == []


@pytest.mark.parametrize("name", ("unknown_1", "no person", "0000_distractors", "-1_junk"))
def test_nobody_is_no_person(name: str, tmp_path: Path):
    root = folders(tmp_path / "set", 3)
    file = write(person(60, 1), root / name / "1.png")
    (issue,) = scan_dataset(root)[1]
    assert (issue.kind, issue.path) == (
        "table",
        str(root / name),
    ) and "may be nobody; expected -1" in issue.message
    table = pd.DataFrame({"path": [str(file), *map(str, root.glob("p*/*0_c1_.png"))], "pid": [name, *"abc"]})
    refused(lambda: load_dataset(table), f"id is {name!r}, which may be nobody")


@pytest.mark.parametrize(("name", "pid"), [("\u22121", -1), ("００００", 0), ("－１", -1), ("٠٠٠٠", 0)])
def test_numbers_of_nobody_in_other_letters(name: str, pid: int, tmp_path: Path):
    root = folders(tmp_path / "set", 3)
    write(person(60, 1), root / name / "1.png")
    data = load_dataset(root)
    assert (data.train.pid == pid).sum() == 1 and list(data.names) == [1, 2, 3]
    assert number_people([name, "anna"]) == {name: pid, "anna": 1}


# Columns that are no attributes

MEANT = {
    "id": ("person_id", "personid", "Person ID", "identity_id", "identity-id"),
    "camid": ("cam_id", "camera_id", "CameraID", "camera id"),
    "path": ("image_path", "file_name", "filename", "filepath", "img_path"),
}


@pytest.mark.parametrize(("key", "name"), [(key, name) for key, names in MEANT.items() for name in names])
def test_other_names_of_columns(key: str, name: str, images: list[Path], tmp_path: Path):
    assert column_names([name, "hat"], "x") == [key, "hat"]
    called = {"path": "path", "id": "id", "camid": "camid"} | {key: name}
    cells = {"path": [x.name for x in images], "id": list("aabbccdd"), "camid": [1, 2] * 4}
    table = pd.DataFrame({called[column]: values for column, values in cells.items()}).assign(
        hat=["yes", "no"] * 4
    )
    table.to_csv(images[0].parent / "attributes.csv", index=False)
    in_memory = table.assign(**{called["path"]: list(map(str, images))})
    for data in (load_dataset(images[0].parent), load_dataset(in_memory)):
        assert data.train.pid.tolist() == [1, 1, 2, 2, 3, 3, 4, 4] and data.train.camid.tolist() == [1, 2] * 4
        assert [x.name for x in data.schema] == ["hat"] and data.train.path.tolist() == list(map(str, images))


def test_a_person_id_beside_an_id_is_refused(images: list[Path]):
    table = pd.DataFrame({"path": images, "id": range(8), "person_id": list("aabbccdd")})
    refused(lambda: load_dataset(table), "column 3 is called 'id' (written 'person_id'), as one before it")


@pytest.mark.parametrize("word", ("#N/A", "n.a.", "N.A.", "UNK", "unk", "<NA>", "\u22121", "??"))
def test_unlabelled_is_no_class(word: str, images: list[Path], tmp_path: Path):
    root = folders(tmp_path / "set", 4)
    (root / "attributes.csv").write_text(f"id,x\np0001,{word}\np0002,b\np0003,c\n", encoding="utf-8")
    refused(lambda: load_dataset(root), f"line 2: x is {word!r}; expected an empty cell")
    table = pd.DataFrame({"path": images, "x": [word, *"bcbcbcb"]})
    refused(lambda: load_dataset(table), f"row 0: x is {word!r}; expected an empty cell")


# Folders that vanish


@pytest.mark.parametrize("name", ("1.jpg_large", "1.jpg~", "1", "1.jpg.part", "clip.mp4"))
def test_a_person_without_a_readable_image_is_an_issue(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture
):
    root = folders(tmp_path / "set", 3)
    (root / "zoe").mkdir()
    (root / "zoe" / name).write_bytes(b"\xff\xd8")
    data, (issue,) = scan_dataset(root)
    assert (counts(data), issue.kind, issue.path) == ((9, 0, 0), "table", str(root / "zoe"))
    assert f"no file with the name of an image, but {name!r}; expected jpg or png" in issue.message
    refused(lambda: load_dataset(root), "zoe holds no file with the name of an image")
    failed(capsys, "data", "check", root)


def test_such_a_person_in_a_part(tmp_path: Path):
    for i, name in enumerate(
        ("train/anna/1.png", "train/ben/1.png", "query/carl/1.png", "gallery/carl/1.png")
    ):
        write(person(i, i), tmp_path / name)
    (tmp_path / "gallery" / "zoe").mkdir()
    (tmp_path / "gallery" / "zoe" / "1.jpg~").touch()
    assert [issue.path for issue in scan_dataset(tmp_path)[1]] == [str(tmp_path / "gallery" / "zoe")]


@pytest.mark.parametrize("name", ("notes.txt", "scores.CSV", ".DS_Store", "Thumbs.db"))
def test_a_folder_of_texts_is_nobody(name: str, tmp_path: Path):
    root = folders(tmp_path / "set", 3)
    (root / "notes").mkdir()
    (root / "notes" / name).touch()
    data = load_dataset(root)
    assert (len(data.names), data.notes["notes/ holds no image"]) == (3, 0)
