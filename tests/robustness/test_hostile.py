"""Files that mean harm, or look so: refused in one line that names them, nothing run, nothing half-written."""

import ast
import os
import pickle
import re
import shutil
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from listing import MODULES
from safetensors.torch import save_file
from scipy.io import loadmat, savemat

from reid_course.backbone import resnet_backbone
from reid_course.cli import archive as intake
from reid_course.data import ANNOTATION_COLUMNS, load_dataset
from reid_course.engine import matfile
from reid_course.engine.checkpoint import read_tensors
from reid_course.engine.matfile import read_mat
from reid_course.errors import ReidError
from reid_course.images import read_image
from reid_course.minimarket import make_minimarket
from reid_course.model import build_model, load_model, save_model
from reid_course.retrieval import Gallery
from reid_course.submission import validate_submission

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs links, pipes and limits of POSIX systems")


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
    for name, module in MODULES.items():
        text = module.read_text(encoding="utf-8")
        # of the whole module, the name of torch's refusal alone
        allowed = ["pickle"] if set(re.findall(r"\bpickle\.(\w+)", text)) == {"UnpicklingError"} else []
        assert unsafe(text) == allowed, name


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
        ".zip": lambda path: intake.extract_dataset(path, tmp_path / "out"),
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
    tensors, header = read_tensors(file)
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
