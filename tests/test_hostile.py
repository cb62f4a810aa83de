"""Files that mean harm, or look so: refused in one line that names them, nothing run, nothing half-written."""

import ast
import os
import pickle
import shutil
import struct
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file
from scipy.io import loadmat, savemat
from support import ROOT, failed

from reid_course import intake, matfile
from reid_course.backbone import resnet_backbone
from reid_course.cli import main
from reid_course.core import ReidError
from reid_course.data import ANNOTATION_COLUMNS, load_dataset
from reid_course.images import find_faults, read_image
from reid_course.matfile import read_mat
from reid_course.minimarket import make_minimarket
from reid_course.model import build_model, load_model, read_weights, save_model
from reid_course.retrieval import Gallery
from reid_course.submission import validate_submission

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs links, pipes and limits of POSIX systems")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_minimarket(
        tmp_path_factory.mktemp("drawn") / "set", 8, (32, 16), "course", images_per_identity=4
    )


@pytest.fixture
def course(drawn: Path, tmp_path: Path) -> Path:
    "A copy to spoil."
    return Path(shutil.copytree(drawn, tmp_path / "course"))


# Nothing is unpickled


BAD_MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
BAD_NAMES = {"eval", "exec", "pandas.read_pickle", "yaml.load", "torch.hub.load"}
SAFE_WITH = {"torch.load": "weights_only=True", "numpy.load": "allow_pickle=False"}


def unsafe(source: str) -> list[str]:
    "What could run what a file says, by its full name, whatever it was imported as."
    tree, found, names = ast.parse(source), [], {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            above = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            full = {alias.asname or alias.name: above + alias.name for alias in node.names}
            found += sorted({name.partition(".")[0] for name in full.values()} & BAD_MODULES)
            names |= {name: meant for name, meant in full.items() if "." not in name}

    def meant(node: ast.AST) -> str:
        first, dot, rest = ast.unparse(node).partition(".")
        return names.get(first, first) + dot + rest

    checked = set()
    for node in ast.walk(tree):  # a call comes before what it calls
        if isinstance(node, ast.Call) and SAFE_WITH.get(meant(node.func)) in map(ast.unparse, node.keywords):
            checked.add(node.func)
        if isinstance(node, ast.Name | ast.Attribute) and node not in checked:
            found += {meant(node)} & (BAD_NAMES | SAFE_WITH.keys())
    return found


def test_nothing_unpickles():
    for module in (ROOT / "reid_course").glob("*.py"):
        assert unsafe(module.read_text(encoding="utf-8")) == [], module.name


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("import pickle", "pickle"),
        ("import pickle as p", "pickle"),
        ("from joblib import load", "joblib"),
        ("from joblib.numpy_pickle import load", "joblib"),
        ("import torch\ntorch.load(f)", "torch.load"),
        ("import torch\ntorch.load(f, weights_only=False)", "torch.load"),
        ("import torch as t\nt.load(f)", "torch.load"),
        ("from torch import load\nload(f)", "torch.load"),
        ("from torch import load as read\nread(f)", "torch.load"),
        ("import torch\nread = torch.load", "torch.load"),
        ("from torch import hub\nhub.load(f)", "torch.hub.load"),
        ("import torch.hub\ntorch.hub.load(f)", "torch.hub.load"),
        ("import numpy as np\nnp.load(f, allow_pickle=True)", "numpy.load"),
        ("import numpy\nnumpy.load(f)", "numpy.load"),
        ("from numpy import load as read\nread(f)", "numpy.load"),
        ("from pandas import read_pickle\nread_pickle(f)", "pandas.read_pickle"),
        ("exec(x)", "exec"),
    ],
)
def test_unpickling_is_seen(source: str, seen: str):
    assert unsafe(source) == [seen]


def test_safe_reading_is_let_pass():
    safe = "import torch\nfrom numpy import load as read\n"
    assert unsafe(f"{safe}torch.load(f, weights_only=True)\nread(f, allow_pickle=False)") == []
    assert unsafe("from json import load\nload(f)") == []


class Payload:
    "Makes a file when it is unpickled."

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> tuple[Callable, tuple[str, int]]:
        return os.mkdir, (str(self.mark), 0o700)


def test_crafted_pickles_run_nothing(tmp_path: Path, course: Path):
    mark, payload = tmp_path / "it ran", Payload(tmp_path / "it ran")
    file = tmp_path / "crafted"
    official = make_minimarket(tmp_path / "official", 6, (16, 8), images_per_identity=3)
    readers: dict[str, Callable[[Path], object]] = {
        ".pth": lambda path: resnet_backbone(weights=path),
        ".safetensors": load_model,
        ".npz": Gallery.open,
        ".jpg": read_image,
        ".mat": lambda path: load_dataset(shutil.copy(path, official / "market_attribute.mat").parent),
        ".csv": lambda path: load_dataset(shutil.copy(path, course / "annotations_train.csv").parent),
        ".zip": lambda path: intake.unpack(path, tmp_path / "out"),
    }
    for suffix, read in readers.items():
        path = file.with_suffix(suffix)
        path.write_bytes(pickle.dumps(payload))
        with pytest.raises(ReidError) as error:
            read(path)
        name = {".mat": "market_attribute.mat", ".csv": "annotations_train.csv"}.get(suffix, path.name)
        assert name in str(error.value)
    torch.save({"conv1.weight": payload}, file.with_suffix(".pth"))
    np.savez(file.with_suffix(".npz"), embeddings=np.array([payload], object), table=np.array("{}"))
    for suffix in (".pth", ".npz"):
        with pytest.raises(ReidError, match=f"crafted{suffix}"):
            readers[suffix](file.with_suffix(suffix))
    assert not mark.exists()
    pickle.loads(pickle.dumps(payload))
    assert mark.exists()  # the payload itself works


# Checkpoints


def test_damaged_checkpoints(tmp_path: Path):
    file = tmp_path / "best.safetensors"
    save_model(build_model("resnet", size=(64, 32)), file)
    whole = file.read_bytes()
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ReidError, match=r"best\.safetensors: not a readable weights file"):
            load_model(tmp_path)
    file.write_bytes(whole)
    tensors, header = read_weights(file)
    tensors["backbone.conv1.weight"] = torch.zeros(1, 3, 7, 7)
    save_file(tensors, file, header)
    with pytest.raises(ReidError, match=r"best\.safetensors: weights of another architecture"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "odd", ["9" * 30, "\u0663", '"' + "1" * 200_000, "1e3"], ids=("long", "Arabic", "cell", "power")
)
def test_odd_numbers_in_a_submission(odd: str, course: Path, tmp_path: Path):
    data = load_dataset(course)
    rows = [",".join((Path(path).name, odd, *["1"] * 26)) for path in data.gallery.path]
    header = ",".join(("id", *ANNOTATION_COLUMNS))
    (tmp_path / "classification_test.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    (tmp_path / "reid_test.txt").touch()
    with pytest.raises(ReidError, match=r"classification_test\.csv"):
        validate_submission(tmp_path, data)


# Matlab's file


def plain(value: object) -> object:
    "Lists, dicts, numbers and texts, whoever has read them."
    if isinstance(value, dict):
        return {name: plain(x) for name, x in value.items() if not name.startswith("__")}
    return [plain(x) for x in value] if isinstance(value, list | np.ndarray) else value


@pytest.mark.parametrize("packed", (False, True))
def test_matlab_files_are_read_as_scipy_reads_them(packed: bool, tmp_path: Path):
    file = make_minimarket(tmp_path / "set", 6, (16, 8), images_per_identity=3) / "market_attribute.mat"
    assert read_mat(file)["market_attribute"]["train"]["image_index"] == [f"{i:04d}" for i in range(1, 7)]
    odd = {
        "deep": {"two": np.array(["x", "żółw"], object)},
        "none": np.zeros(0),
        "flags": np.array([True, False]),
    }
    for more in ({}, {"n": np.arange(3, dtype=np.int16), "odd": odd, "word": "a b"}):
        content = loadmat(file, simplify_cells=True) | more
        savemat(
            tmp_path / "again.mat", {k: v for k, v in content.items() if k[0] != "_"}, do_compression=packed
        )
        expected = plain(loadmat(tmp_path / "again.mat", simplify_cells=True))
        assert plain(read_mat(tmp_path / "again.mat")) == expected


def test_matlab_files_are_unpacked_up_to_the_limit_and_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first, file = BytesIO(), tmp_path / "bomb.mat"
    savemat(first, {"first": np.arange(4.0)})
    array = first.getvalue()[128:]
    packed = [struct.pack("<II", 15, len(x)) + x for x in map(zlib.compress, (array, bytes(100_000)))]
    monkeypatch.setattr(matfile, "UNPACKED", len(array))  # the first takes all the room there is
    file.write_bytes(first.getvalue()[:128] + packed[0])
    assert read_mat(file)["first"].tolist() == [0, 1, 2, 3]
    file.write_bytes(file.read_bytes() + packed[1])
    with pytest.raises(ReidError, match=rf"bomb\.mat: .* of more than {len(array)} bytes"):
        read_mat(file)


# Images, and a folder full of faults


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
        assert read_image(seen_through).tolist() == [[[0, 0, 0], [9, 8, 7]]]


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

    _, faults = find_faults(course)
    assert {Path(fault.path).name for fault in faults} == {*spoilt, "\udcff.jpg"}
    line = failed(capsys, "data", "check", course)
    assert "11 faults" in line
    skip = tmp_path / "skip.csv"
    assert main(["data", "check", str(course), "--write-skip-list", str(skip)]) == 0
    said = capsys.readouterr().out
    counted = dict(row.rsplit(maxsplit=1) for row in said.splitlines() if row.startswith("faults: "))
    assert counted == {"faults: image": "8", "faults: name": "2", "faults: person": "1"}
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
    assert "faults; mend them" in said.err


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
    _, faults = find_faults(course)
    people = sorted((course / "train").glob("0003*"))
    said = [fault.message.removeprefix(f"{file}, train: ") for fault in faults]
    expected = [
        *(f"column {name!r} is missing" for name in ("hat", "upred", "downbrown")),
        "4.0 has two rows",
        "age of 1.0 is 7",
        "uppercolor of 2.0 has two colours",
        *(f"{path}: identity 3 has no row" for path in people),
        f"{course / 'train' / 'someone.jpg'}: not a file name",
        f"{course / 'queries'} is not a folder",
        f"{damaged}: not a readable image",
    ]
    assert len(people) > 1 and f"{len(expected)} faults" in line
    assert all(text.startswith(start) for text, start in zip(said, expected, strict=True)), said
    with pytest.raises(ReidError, match=rf"'hat' is missing.* \(and {len(expected) - 2} more: "):
        load_dataset(course)


def test_terminals_obey_nothing_in_a_name(tmp_path: Path, capsys: pytest.CaptureFixture):
    line = failed(capsys, "data", "check", tmp_path / "two\nlines\x1b[2J")
    assert "\x1b" not in line and "\\x1b[2J" in line
