"""Data of one's own: each situation that people have reported, with the right value, and the next doors."""

import itertools
import shutil
from pathlib import Path

import pytest
from owned import SLIPS, attribute_file, counts, folders, official, person, refused, write

from reid_course.cli.check import count_dataset
from reid_course.data import ANNOTATION_COLUMNS, MARKET, Attribute, load_dataset, scan_dataset


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
        "so it is no person's folder; expected train/, query/ and gallery/ around them",
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
