"""ImageStore that are none, and folders full of faults: every fault is named, none runs on, no list hides one."""

import os
import shutil
import warnings
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from support import failed

from reid_course.cli.check import find_issues
from reid_course.cli.main import main
from reid_course.data import load_dataset
from reid_course.errors import ReidError
from reid_course.images import read_image

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs links, pipes and limits of POSIX systems")


def coded(image: Image.Image, kind: str, **how: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def test_a_jpeg_of_very_many_scans_is_refused(tmp_path: Path):
    file, grey = tmp_path / "many.jpg", Image.new("L", (16, 16), 128)
    jpeg = coded(grey, "jpeg", progressive=True)
    n, last = jpeg.count(b"\xff\xda"), jpeg[jpeg.rindex(b"\xff\xda") : -2]
    for scans in (n, 100):
        file.write_bytes(jpeg[:-2] + last * (scans - n) + jpeg[-2:])
        assert read_image(file).shape == (16, 16, 3)
    file.write_bytes(jpeg[:-2] + last * (101 - n) + jpeg[-2:])
    with pytest.raises(ReidError, match=r"many\.jpg: not a readable image \(101 scans, at most 100\)"):
        read_image(file)
    about = PngInfo()
    about.add(b"teSt", b"\xff\xda" * 200)  # in a PNG these bytes mean nothing
    file.write_bytes(coded(grey, "png", pnginfo=about))
    assert read_image(file).shape == (16, 16, 3)


def test_pillow_adds_no_warning(tmp_path: Path):
    large, seen_through = tmp_path / "large.png", tmp_path / "palette.png"
    large.write_bytes(coded(Image.new("1", (10_000, 10_000)), "png"))  # too large, less than twice over
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 9, 8, 7])
    palette.putpixel((1, 0), 1)
    palette.save(seen_through, transparency=b"\x01\x02")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ReidError, match=r"large\.png: not a readable image \(100,000,000 pixels"):
            read_image(large)
        assert read_image(seen_through).tolist() == [
            [[254, 254, 254], [253, 253, 253]]
        ]  # nearly nothing on white


@POSIX
def test_every_fault_is_listed_and_can_be_left_out(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    train = course / "train"
    images = sorted(train.iterdir())
    spoilt = {images[i].name: images[i] for i in range(4)}
    cut, empty, bomb, other = spoilt.values()
    cut.write_bytes(cut.read_bytes()[:-50])
    empty.write_bytes(b"")
    Image.new("1", (60_000, 60_000)).save(bomb, "png")
    Image.new("RGB", (8, 8)).save(other, "gif")
    for name, make in {
        "0001_c1_999.jpg": Path.mkdir,
        "0001_c1_998.jpg": os.mkfifo,
        "0001_c1_997.jpg": lambda path: path.symlink_to("nowhere"),
        "0001_c1_996.jpg": lambda path: path.write_bytes(
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
        ),
        "someone.jpg": lambda path: shutil.copy(images[-1], path),
        "9999_c1_1.jpg": lambda path: shutil.copy(images[-1], path),
    }.items():
        make(train / name)
        spoilt[name] = train / name
    (course / "test" / os.fsdecode(b"\xff.jpg")).write_bytes(images[-1].read_bytes())
    before = {path: path.lstat() for path in course.rglob("*")}

    _, issues = find_issues(course)
    assert {Path(issue.path).name for issue in issues} == {*spoilt, "\udcff.jpg"}
    line = failed(capsys, "data", "check", course)
    assert "11 issues" in line
    skip = tmp_path / "skip.csv"
    assert main(["data", "check", str(course), "--write-skip-list", str(skip)]) == 0
    said = capsys.readouterr().out
    counted = dict(row.rsplit(maxsplit=1) for row in said.splitlines() if row.startswith("issues: "))
    assert counted == {"issues: image": "8", "issues: name": "2", "issues: person": "1"}
    assert all(name in said for name in spoilt) and "names 11 files" in said

    data = ["--data", str(course), "--weights", "none", "--size", "32", "16", "--epochs", "1", "--p", "2"]
    quick = [*data, "--strides", "imagenet", "--out", str(tmp_path / "run")]
    assert "(and 2 more: reid-course data check" in failed(capsys, "train", *quick)
    assert not (tmp_path / "run").exists()
    assert main(["train", *quick, "--skip-list", str(skip)]) == 0
    run = ["evaluate", str(tmp_path / "run"), "--data", str(course)]
    assert main([*run, "--skip-list", str(skip)]) == 0
    assert {path: path.lstat() for path in course.rglob("*")}.keys() == before.keys()
    unread = ("st_mode", "st_size", "st_mtime_ns", "st_ino")  # reading changes the time of access only
    for path, was in before.items():
        assert [getattr(path.lstat(), x) for x in unread] == [getattr(was, x) for x in unread]


def test_faults_of_a_table_are_listed_and_no_list_hides_them(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    table = course / "annotations_train.csv"
    header, first, second, *rest = table.read_text().splitlines()
    wrong = [first.replace(",", ",7,", 1).rsplit(",", 1)[0], second]
    table.write_text("\n".join([header, *wrong, second, *rest]))
    assert main(["data", "check", str(course), "--write-skip-list", str(tmp_path / "s.csv")]) == 1
    said = capsys.readouterr()
    assert "age of" in said.out and "has two rows" in said.out and "names 0 files" in said.out
    assert "issues; mend them" in said.err


def test_faults_of_every_kind_are_listed_at_once(course: Path, capsys: pytest.CaptureFixture):
    file = course / "annotations_train.csv"
    table = pd.read_csv(file, index_col="id").drop(columns=["hat", "upred", "downbrown"])
    table.loc[1, "age"], table.loc[2, ["upblack", "upwhite"]] = 7, 2
    table = pd.concat([table.drop(index=3), table.loc[[4]], table.loc[[5]].set_axis(["x"])])
    table.to_csv(file, index_label="id")
    shutil.rmtree(course / "queries")
    image, damaged = sorted((course / "train").glob("0001*"))[:2]
    shutil.copy(image, course / "train" / "someone.jpg")
    damaged.write_bytes(b"no picture")
    line = failed(capsys, "data", "check", course)
    _, issues = find_issues(course)
    people = sorted((course / "train").glob("0003*"))
    said = [issue.message.removeprefix(f"{file}, train: ") for issue in issues]
    expected = [
        f"{course / 'queries'} is not a folder",
        *(f"column {name!r} is missing" for name in ("hat", "upred", "downbrown")),
        "4.0 has two rows",
        "age of 1.0 is 7",
        "uppercolor of 2.0 has two colours",
        *(f"{path}: identity 3 has no row" for path in people),
        f"{course / 'train' / 'someone.jpg'}: not a file name",
        f"{damaged}: not a readable image",
    ]
    assert len(people) > 1 and f"{len(expected)} issues" in line
    assert all(text.startswith(start) for text, start in zip(said, expected, strict=True)), said
    with pytest.raises(ReidError, match=rf"queries is not a folder.* \(and {len(expected) - 2} more: "):
        load_dataset(course)


def test_terminals_obey_nothing_in_a_name(tmp_path: Path, capsys: pytest.CaptureFixture):
    line = failed(capsys, "data", "check", tmp_path / "two\nlines\x1b[2J")
    assert "\x1b" not in line and "\\x1b[2J" in line
