"""What a user can get wrong, through the command: one line that names file and remedy, and nothing half-written."""

import errno
import hashlib
import json
import os
import shutil
import sys
from contextlib import redirect_stderr
from importlib import metadata
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
import torchvision
from PIL import Image
from support import failed, run

from reid_course.cli import arguments, doctor
from reid_course.cli import main as cli
from reid_course.data import load_dataset
from reid_course.distractors import hog_detector, rcnn_detector
from reid_course.engine.checkpoint import read_tensors
from reid_course.engine.records import machine
from reid_course.errors import ReidError
from reid_course.minimarket import make_minimarket
from reid_course.model import build_model, load_model, save_model
from reid_course.pages.report import report_run

FAST = ("--weights", "none", "--size", "64", "32", "--epochs", "1", "--p", "4")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "A small data set in the course layout."
    return make_minimarket(tmp_path_factory.mktemp("drawn") / "set", 10, size=(64, 32), layout="course")


@pytest.fixture
def course(drawn: Path, tmp_path: Path) -> Path:
    "A copy of it to spoil."
    return Path(shutil.copytree(drawn, tmp_path / "course"))


def first_image(data: Path) -> Path:
    return min((data / "train").iterdir())


def fails(*arguments: str | Path, contains: tuple[str, ...]) -> None:
    "The command ends with code 1 and one line that holds these texts."
    with redirect_stderr(StringIO()) as printed:
        assert cli.main([str(argument) for argument in arguments]) == 1
    lines = [line for line in printed.getvalue().splitlines() if line.startswith("reid-course:")]
    assert len(lines) == 1 and "Traceback" not in printed.getvalue(), printed.getvalue()
    assert all(text in lines[0] for text in contains), lines[0]


def training_fails(data: Path, *more: str, contains: tuple[str, ...]) -> None:
    "Training on it fails so, and leaves no run folder."
    out = data.parent / "run"
    fails("train", "--data", data, "--out", out, *FAST, *more, contains=contains)
    assert not out.exists()
    assert not list(data.parent.glob(".*"))


def test_a_folder_that_is_no_data_set(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    training_fails(
        tmp_path / "empty", contains=("empty is not a data set", "sub-folder of images per person")
    )


def test_a_truncated_image(course: Path):
    image = first_image(course)
    image.write_bytes(image.read_bytes()[:-100])
    training_fails(course, contains=(image.name, "replace it or remove it"))


def test_a_name_that_does_not_parse(course: Path):
    first_image(course).rename(course / "train" / "someone.jpg")
    training_fails(course, contains=("someone.jpg", "expected a name like"))


def test_an_identity_without_annotation(course: Path):
    table = course / "annotations_train.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join(lines[:-1]) + "\n")
    identity = lines[-1].split(",")[0]
    training_fails(course, contains=(f"identity {identity} has no row in", "annotations_train.csv"))


def test_an_annotation_outside_its_range(course: Path):
    table = course / "annotations_train.csv"
    header, first, *rest = table.read_text().splitlines()
    identity, _, others = first.split(",", 2)
    table.write_text("\n".join([header, f"{identity},5,{others}", *rest]) + "\n")
    training_fails(course, contains=("annotations_train.csv", f"age of {identity} is 5", "from 1 to 4"))


def test_one_identity_only(tmp_path: Path):
    for i in range(3):
        image = tmp_path / "people" / "anna" / f"{i}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 64), "gray").save(image)
    training_fails(tmp_path / "people", contains=("1 identities", "add people, or lower valid"))


def test_more_identities_a_batch_than_there_are(course: Path):
    training_fails(
        course,
        "--p",
        "50",
        contains=("identities for batches of p = 50", "choose a lower p= (--p), or add people"),
    )


def test_an_existing_run_is_not_overwritten(course: Path, tmp_path: Path):
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    (run_folder / "note.txt").write_text("mine")
    fails("train", "--data", course, "--out", run_folder, *FAST, contains=("exists already", "--resume"))
    assert [file.name for file in run_folder.iterdir()] == ["note.txt"]


def test_a_checkpoint_of_another_architecture(tmp_path: Path):
    file = tmp_path / "best.safetensors"
    save_model(build_model("resnet", size=(64, 32)), file)
    tensors, _ = read_tensors(file)
    other = build_model("convhead", size=(64, 32))
    other.state_dict = lambda: tensors  # the weights of one network under the description of another
    save_model(other, file)
    fails("predict", tmp_path, "x.jpg", contains=("best.safetensors", "another architecture"))
    with pytest.raises(ReidError, match="another architecture"):
        load_model(tmp_path)


def drawn_run(course: Path, folder: Path) -> Path:
    "A run as far as its report and its judgement read it, but for what is spoilt."
    save_model(build_model("resnet", size=(64, 32), strides="imagenet"), folder / "best.safetensors")
    (folder / "config.json").write_text("{}")
    return folder


def test_a_run_whose_description_lacks_something(course: Path, tmp_path: Path):
    folder = drawn_run(course, tmp_path / "run")
    fails("evaluate", folder, "--data", course, contains=("people.json", "put a copy"))


SOUND = {
    "model": "resnet",
    "epochs": 1,
    "tasks": "both",
    "valid": 0.3,
    "valid_identities": 3,
    "weights": None,
}
SOUND |= {"strides": "reid", "form": "report", "seed": 0, "split_seed": 0}


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("config.json", json.dumps(SOUND | {"model": "vgg"}), "no model 'vgg' is known"),
        ("config.json", json.dumps({n: x for n, x in SOUND.items() if n != "form"}), "lack 'form'"),
        ("config.json", '{"model": "resnet"}', "config.json has no"),
        ("config.json", json.dumps(SOUND | {"valid_identities": [1, 2]}), "trained by version 0.1"),
        ("metrics.json", "{}", "metrics.json has no"),
        ("log.csv", "epoch,accuracy,mAP\n1,0.5,0.5\n", "has no column 'valid_total'"),
    ],
)
def test_a_report_of_a_run_that_lacks_something(tmp_path: Path, file: str, text: str, said: str):
    (tmp_path / "config.json").write_text(json.dumps(SOUND))
    (tmp_path / "metrics.json").write_text('{"best_epoch": 1, "best": {}, "last": {}, "MFC": {}}')
    (tmp_path / "log.csv").write_text("epoch,accuracy,mAP,valid_total\n1,0.5,0.5,1.0\n")
    (tmp_path / file).write_text(text)
    with pytest.raises(ReidError) as error:
        report_run(tmp_path, tmp_path)
    assert str(tmp_path) in str(error.value) and said in str(error.value)


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


def test_a_failure_shows_its_traceback_when_asked_to(tmp_path: Path):
    with pytest.raises(ReidError, match="empty is not a folder"):
        cli.main(["--debug", "data", "check", str(tmp_path / "empty")])


@pytest.mark.parametrize(
    "command",
    [
        *("demo", "data make", "data check", "data unpack", "train", "reproduce", "evaluate", "predict"),
        *("same", "search", "submit", "export", "doctor"),
    ],
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as end:
        cli.main([*command.split(), "--help"])
    said = capsys.readouterr().out
    assert end.value.code == 0 and f"example: reid-course {command}" in said
    assert "(default: None)" not in said and "(default: False)" not in said
    assert command != "data make" or "people to train on (default: 200)" in said


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


def test_the_module_is_the_command_too():
    code, said = run("python", "-m", "reid_course.cli.main", "train")
    assert code == 2 and "the following arguments are required: --data, --out" in said


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


def test_the_data_are_never_touched(course: Path):
    before = {file: file.read_bytes() for file in course.rglob("*") if file.is_file()}
    run("reid-course", "data", "check", course)
    load_dataset(course)
    assert {file: file.read_bytes() for file in course.rglob("*") if file.is_file()} == before
