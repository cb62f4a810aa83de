"""What a user can get wrong, through the command: one line that names file and remedy, and nothing half-written."""

import json
import shutil
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image
from support import run

from reid_course.cli import main as cli
from reid_course.data import load_dataset
from reid_course.engine.checkpoint import read_tensors
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


def test_the_module_is_the_command_too():
    code, said = run("python", "-m", "reid_course.cli.main", "train")
    assert code == 2 and "the following arguments are required: --data, --out" in said


def test_the_data_are_never_touched(course: Path):
    before = {file: file.read_bytes() for file in course.rglob("*") if file.is_file()}
    run("reid-course", "data", "check", course)
    load_dataset(course)
    assert {file: file.read_bytes() for file in course.rglob("*") if file.is_file()} == before
