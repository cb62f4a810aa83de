"""Archives that mean harm, and commands that are stopped half-way: one line, and nothing half-written."""

import errno
import os
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image, JpegImagePlugin
from support import failed

from reid_course.cli import archive as intake
from reid_course.cli.main import main
from reid_course.errors import ReidError
from reid_course.minimarket import make_minimarket


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_minimarket(
        tmp_path_factory.mktemp("drawn") / "set", 8, (32, 16), "course", images_per_identity=4
    )


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def packed(path: Path, folder: Path, *entries: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    "A zip of a data set, and more."
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted(folder.rglob("*")):
            out.write(file, file.relative_to(folder))
        for name, data in entries:
            out.writestr(name, data)
    return path


def special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def test_a_sound_archive_is_unpacked(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    archive = packed(tmp_path / "set.zip", drawn, ("__MACOSX/._x.jpg", b"what a Mac adds"))
    assert main(["data", "unpack", str(archive), str(tmp_path / "out")]) == 0
    assert "images in train" in capsys.readouterr().out
    there, here = content(drawn), content(tmp_path / "out")
    assert {p.relative_to(drawn): x for p, x in there.items()} == {
        p.relative_to(tmp_path / "out"): x for p, x in here.items()
    }


def test_an_archive_without_one_of_its_folders_is_refused(drawn: Path, tmp_path: Path, capsys):
    shutil.rmtree(Path(shutil.copytree(drawn, tmp_path / "less")) / "queries")
    archive = packed(tmp_path / "set.zip", tmp_path / "less")
    assert "queries" in failed(capsys, "data", "unpack", archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


HARM = {
    "up": (("../up.jpg", b""), "leaves the folder"),
    "far up": (("train/../../up.jpg", b""), "leaves the folder"),
    "absolute": (("/tmp/up.jpg", b""), "leaves the folder"),
    "backslash": (("train\\up.jpg", b""), "leaves the folder"),
    "link": ((special("train/link", stat.S_IFLNK | 0o777), b"/etc"), "link or a device"),
    "device": ((special("train/disk", stat.S_IFBLK | 0o600), b""), "link or a device"),
    "pipe": ((special("train/pipe", stat.S_IFIFO | 0o600), b""), "link or a device"),
    "Windows device": (("train/con.jpg", b""), "link or a device"),
    "case": (("Train/0001_c1_1.jpg", b""), "differ only by case"),
    "accent": (("zoe\u0308", b""), "differ only by case"),
    "file as folder": (("annotations_train.csv/x.jpg", b""), "cannot be unpacked"),
    "bomb": (("train/zeros.txt", bytes(30_000_000)), "bytes when unpacked; expected at most"),
}


@pytest.mark.parametrize("kind", HARM)
def test_a_harmful_archive_leaves_nothing(
    kind: str, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    entry, said = HARM[kind]
    archive = packed(tmp_path / "bad.zip", drawn, ("zo\u00eb", b""), entry)
    line = failed(capsys, "data", "unpack", archive, tmp_path / "out")
    assert "bad.zip" in line and said in line
    assert [path.name for path in tmp_path.iterdir()] == ["bad.zip"]


@pytest.mark.parametrize("second", ("../up.jpg", "/tmp/up.jpg", "train/con.jpg"))
def test_the_second_name_of_an_entry_is_judged_too(
    second: str, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    info, infolist = zipfile.ZipInfo("train/good.txt"), zipfile.ZipFile.infolist
    field = struct.pack("<BL", 1, zlib.crc32(b"train/good.txt")) + second.encode()
    info.extra = struct.pack("<HH", 0x7075, len(field)) + field

    def renamed(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        "What Python does by itself from 3.12 on."
        infos = infolist(archive)
        infos[-1].filename = second
        return infos

    archive = packed(tmp_path / "bad.zip", drawn, (info, b"harm"))
    monkeypatch.setattr(zipfile.ZipFile, "infolist", renamed)
    with pytest.raises(ReidError, match=rf"bad\.zip: '{second}' is a"):
        intake.extract_dataset(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.zip"]


def test_limits_of_an_archive(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = packed(tmp_path / "set.zip", drawn)
    for name, said in {"MAX_FILES": "files; expected at most 3", "MAX_BYTES": "bytes when unpacked"}.items():
        with monkeypatch.context() as patch:
            patch.setattr(intake, name, 3)
            with pytest.raises(ReidError, match=said):
                intake.extract_dataset(archive, tmp_path / "out")
    lying = bytearray(packed(tmp_path / "lie.zip", drawn, ("x.txt", bytes(100_000))).read_bytes())
    end = lying.rindex(b"PK\x01\x02")  # the last entry of the list: it says ten bytes now
    lying[end + 24 : end + 28] = (10).to_bytes(4, "little")
    (tmp_path / "lie.zip").write_bytes(lying)
    with pytest.raises(ReidError, match=r"lie\.zip: cannot be unpacked"):
        intake.extract_dataset(tmp_path / "lie.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".*"))


# Stopped, no room, no right to write


def commands(drawn: Path, tmp_path: Path) -> dict[str, list[str]]:
    "What writes, into tmp_path/new."
    archive = packed(tmp_path / "set.zip", drawn)
    return {
        "make": ["data", "make", str(tmp_path / "new"), "--identities", "8", "--size", "64", "32"],
        "unpack": ["data", "unpack", str(archive), str(tmp_path / "new")],
        "check": ["data", "check", str(drawn), "--write-skip-list", str(tmp_path / "new")],
    }


WAYS = ("make", "unpack", "check")


@pytest.mark.parametrize("way", WAYS)
def test_interrupted(way: str, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    words, calls = commands(drawn, tmp_path)[way], []

    def third(*_: object, **__: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    target = {
        "make": (Image.Image, "save"),
        "unpack": (intake.shutil, "copyfileobj"),
        "check": (JpegImagePlugin, "JpegImageFile"),
    }
    monkeypatch.setattr(
        *target[way], third if way != "check" else lambda *_, **__: third() or third() or third()
    )
    assert "interrupted" in failed(capsys, *words)
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"] and len(calls) >= 3


@pytest.mark.parametrize("way", WAYS)
def test_no_room(way: str, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    resource = pytest.importorskip("resource", reason="needs limits of POSIX systems")
    words = commands(drawn, tmp_path)[way]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, before[1]))
    try:
        line = failed(capsys, *words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.strerror(errno.EFBIG) in line and ("room" in line)
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]


@pytest.mark.parametrize("way", WAYS)
def test_a_folder_that_must_not_be_written_to(way: str, drawn: Path, tmp_path: Path, monkeypatch, capsys):
    words = commands(drawn, tmp_path)[way]

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)  # the tests may run as root, whom no permission stops
    line = failed(capsys, *words)
    assert (
        os.strerror(errno.EROFS) in line
        and str(tmp_path) in line
        and ("may write to" in line or way == "unpack")
    )
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]
