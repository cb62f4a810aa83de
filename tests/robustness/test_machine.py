"""What a machine lacks or refuses: disk, terminal, packages, detectors, git; and whether the doctor says so."""

import errno
import hashlib
import os
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
import torchvision
from support import failed, run

from reid_course.cli import arguments, doctor
from reid_course.cli import main as cli
from reid_course.distractors import hog_detector, rcnn_detector
from reid_course.engine.records import machine
from reid_course.errors import ReidError
from reid_course.model import build_model, save_model


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        ("ENOSPC", "make room"),
        ("EACCES", "may write to"),
        ("ENOENT", "look at its name"),
        ("EEXIST", "choose another name"),
        ("EISDIR", "choose another name"),
        ("ENAMETOOLONG", "a shorter name"),
        ("EIO", "mend that"),
    ],
)
def test_what_the_disk_refuses_has_a_remedy(monkeypatch, capsys, kind: str, remedy: str):
    number = getattr(errno, kind)

    def refuse(args: object) -> None:
        raise OSError(number, os.strerror(number), "some/file")

    monkeypatch.setitem(arguments._COMMANDS, "doctor", (refuse, lambda parser: None, ""))
    said = failed(capsys, "doctor")
    assert os.strerror(number) in said and "some/file" in said and remedy in said


def test_a_terminal_without_our_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.delenv("REID_MARKET", raising=False)
    code, printed = run("reid-course", "doctor")
    assert "\\u2192 for the real data" in printed and "Traceback" not in printed, printed
    code, printed = run("reid-course", "data", "make", tmp_path / "personnes âgées", "--identities", "2")
    assert code == 0 and "\\xe2g\\xe9es" in printed, printed


@pytest.mark.parametrize("package", ["pandas", "numpy", "torch"])
def test_the_doctor_sees_a_broken_package(tmp_path: Path, monkeypatch, package: str):
    (tmp_path / f"{package}.py").write_text("raise ImportError('built for\\nanother machine')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    code, printed = run("reid-course", "doctor")
    assert code == 1 and "Traceback" not in printed, printed
    assert (
        "wrong" in printed and "cannot be imported: ImportError" in printed and "another machine" in printed
    )
    assert "--force-reinstall" in printed and printed.splitlines()[-1].startswith("reid-course: "), printed


def test_the_doctor_names_the_part_that_is_missing(monkeypatch: pytest.MonkeyPatch):
    version = metadata.version

    def without(name: str) -> str:
        if name in ("lancedb", "reid_course"):
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    (part,) = (finding for finding in doctor.packages() if finding.what == "part gallery")
    assert part.state == "note" and part.found.endswith(": lancedb")
    assert part.remedy == "for galleries on disk: pip install 'reid_course[gallery]'"
    monkeypatch.setattr(metadata, "metadata", without)
    assert [(found.state, found.remedy) for found in doctor.packages()] == [("note", "pip install -e .")]


@pytest.mark.parametrize(
    ("dtype", "state", "remedy"), [(torch.bfloat16, "ok", ""), (torch.float32, "note", "--strides imagenet")]
)
def test_the_doctor_knows_a_slow_machine(monkeypatch, dtype: torch.dtype, state: str, remedy: str):
    monkeypatch.setattr(doctor, "pick_precision", lambda device: dtype)
    path = doctor.hardware()[-1]
    assert (path.what, path.state) == ("fast path", state) and remedy in path.remedy


def test_the_doctor_tells_whole_weights_from_damaged_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    address = f"https://nowhere/resnet18-{hashlib.sha256(b'whole').hexdigest()[:8]}.pth"
    known = SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(url=address))
    monkeypatch.setattr(torchvision.models, "ResNet18_Weights", known)
    for content, state in ((b"whole", "ok"), (b"half", "wrong")):
        (tmp_path / Path(address).name).write_bytes(content)
        assert doctor.weights(tmp_path).state == state


def test_detectors_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ReidError, match=r"OpenCV 4; install it with: pip install 'reid_course\[hog\]'"):
        hog_detector()

    def refuse(*args: object, **more: object) -> None:
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", refuse)
    with pytest.raises(ReidError, match=r"cannot be fetched .*no network.*; use another detector"):
        rcnn_detector()


def test_an_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    save_model(build_model(size=(32, 16), strides="imagenet"), tmp_path / "best.safetensors")
    file = tmp_path / "model.onnx"
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "onnxruntime", None)
        assert "pip install 'reid_course[onnx]'" in failed(capsys, "export", tmp_path, file)
    assert not file.exists()

    def write(model: object, path: str) -> Path:
        Path(path).write_bytes(bytes(3 * 2**19))
        return Path(path)

    monkeypatch.setattr("reid_course.deploy.onnx.export_onnx", write)
    assert cli.main(["export", str(tmp_path), str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: 1.5 MiB\n"


def test_a_record_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine()["commit"] == ""
