"""Data of one's own: values that commands give: weights of a run, test folders alone, orders of a search, a pipe."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from owned import POSIX, QUICK, QUICK_FLAGS, folders, official, refused, said
from support import failed

from reid_course.data import load_dataset
from reid_course.engine.reranking import re_rank
from reid_course.engine.weighing import WEIGHT
from reid_course.metrics import evaluate_embeddings
from reid_course.model import build_model
from reid_course.retrieval import Gallery
from reid_course.training import Run, train


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    "The official layout, and a run on it."
    root = official(tmp_path_factory.mktemp("seven") / "set")
    return root, train(root, root.parent / "run", **QUICK | {"tasks": "reid"})


def ranked(lines: list[str]) -> list[tuple[str, ...]]:
    "Of a search: the file and the last number of each line, best first."
    first = next(i for i, line in enumerate(lines) if line.split()[:1] == ["path"])
    return [(Path(line.split()[0]).name, line.split()[-1]) for line in lines[first + 1 :]]


def test_test_folders_alone_are_scored(made: tuple[Path, Run], tmp_path: Path, capsys: pytest.CaptureFixture):
    root, run = made
    alone = Path(shutil.copytree(root, tmp_path / "alone"))
    shutil.rmtree(alone / "bounding_box_train")
    lines = said(capsys, "evaluate", run, "--data", alone, "--device", "cpu")
    assert lines[0].startswith("official layout: 6 query images; 14 gallery images")
    assert "holds none of the people that" in lines[1] and "so the queries alone are scored" in lines[1]
    data, model = load_dataset(alone), run.model()
    query, gallery = (model.predict(x.path.tolist()).embeddings for x in (data.query, data.gallery))
    of = data.query.pid, data.gallery.pid, data.query.camid, data.gallery.camid
    expected = 100 * evaluate_embeddings(query, gallery, *of).mAP
    at = lines.index("6 queries against 14 gallery images, %")
    assert lines[at + 1].split() == ["mAP_cross_camera", f"{expected:.2f}"]


@pytest.mark.parametrize("given", ("run", "best.safetensors", "last.safetensors"))
def test_the_weights_of_a_run_are_those_a_training_starts_from(
    given: str, made: tuple[Path, Run], tmp_path: Path, capsys: pytest.CaptureFixture
):
    root, run = made
    place = run.path if given == "run" else run.path / given
    expected, own = run.model().backbone.state_dict(), build_model(size=(32, 16), weights=place)
    assert all(torch.equal(own.backbone.state_dict()[name], x) for name, x in expected.items())
    flags = [*QUICK_FLAGS[2:], "--lr", "1e-30"]  # so it ends with what it starts from
    said(capsys, "train", "--data", root, "--out", tmp_path / "new", "--weights", place, *flags)
    learned = dict(Run(tmp_path / "new").model().backbone.named_parameters())
    assert all(torch.allclose(x, expected[name]) for name, x in learned.items())


def test_weights_that_fit_nothing_are_told_by_name(
    made: tuple[Path, Run], tmp_path: Path, capsys: pytest.CaptureFixture
):
    torch.save({"state_dict": {"module.encoder.weight": torch.ones(2)}}, tmp_path / "vit.pth.tar")
    words = ["train", "--data", made[0], "--out", tmp_path / "new", *QUICK_FLAGS[2:]]
    line = failed(capsys, *words, "--weights", tmp_path / "vit.pth.tar")
    assert "vit.pth.tar" in line and "conv1.weight" in line and "encoder.weight" in line
    assert not (tmp_path / "new").exists()


def test_a_re_ranked_search_is_in_the_order_of_the_method(
    made: tuple[Path, Run], tmp_path: Path, capsys: pytest.CaptureFixture
):
    root, run = made
    query = min((root / "query").iterdir())
    said(capsys, "index", run, "--data", root, "--out", tmp_path / "g.npz")
    gallery = Gallery.open(tmp_path / "g.npz")
    point = run.model().predict(query).embeddings
    names = np.array([Path(path).name for path in gallery.table.path])
    for more, distances in (
        ([], np.linalg.norm(gallery.embeddings - point, axis=1)),
        (["--re-rank"], re_rank(point, gallery.embeddings)[0]),
    ):
        lines = said(capsys, "search", run, "--gallery", tmp_path / "g.npz", "--query", query, *more)
        order = np.argsort(distances, kind="stable")[:10]
        assert [name for name, _ in ranked(lines)] == names[order].tolist()
        found = [float(number) for _, number in ranked(lines)]
        found = [1 - score for score in found] if more else found  # the method's distances end at 1
        assert found == pytest.approx(distances[order].tolist(), abs=6e-4)


def test_a_weighed_search_is_in_the_order_of_its_scores(
    a_run: tuple[Path, Run], tmp_path: Path, capsys: pytest.CaptureFixture
):
    root, run = a_run
    query = min((root / "p0002").iterdir())
    said(capsys, "index", run, "--data", root, "--out", tmp_path / "g.npz")
    gallery = Gallery.open(tmp_path / "g.npz", run.model())
    words = ["search", run, "--gallery", tmp_path / "g.npz", "--query", query, "--where", "gender=male"]
    for given, weight in (([], WEIGHT), ([2], 2.0)):
        lines = said(capsys, *words, "--weight", *given, "--top", 24)
        expected = gallery.search(query, 24, {"gender": "male"}, weight=weight)
        assert [name for name, _ in ranked(lines)] == [Path(path).name for path in expected.path]
        scores = [float(number) for _, number in ranked(lines)]
        assert scores == pytest.approx(expected.score.tolist(), abs=6e-4) and len(scores) == 24


def test_attributes_that_nobody_held_out_has_are_said_not_to_be_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture
):
    root = folders(tmp_path / "set", 6)
    run = train(root, tmp_path / "first", **QUICK)
    trained, held = run.people["train"], run.people["valid"]
    (root / "attributes.csv").write_text(f"id,helmet\n{trained[0]},yes\n{trained[1]},no\n")
    again = train(root, tmp_path / "some", **QUICK)
    assert again.people["valid"] == held
    lines = said(capsys, "evaluate", again, "--data", root, "--device", "cpu")
    assert any(line.startswith("mAP ") for line in lines)
    assert lines[-1] == "attributes are not scored: none of these images has a label"
    assert not any(line.startswith("accuracy_helmet") for line in lines)


def test_attributes_that_nobody_trained_on_has_are_refused(tmp_path: Path):
    root = folders(tmp_path / "set", 6)
    held = train(root, tmp_path / "first", **QUICK).people["valid"]
    (root / "attributes.csv").write_text(f"id,helmet\n{held[0]},yes\n{held[1]},no\n")
    refused(lambda: train(root, tmp_path / "again", **QUICK), "labels of helmet for held-out people alone")
    assert not (tmp_path / "again").exists()


def test_a_picture_of_two_people_is_not_held_out(tmp_path: Path, capsys: pytest.CaptureFixture):
    root = folders(tmp_path / "set", 6)
    first = train(root, tmp_path / "first", **QUICK).people
    shared = min((root / first["valid"][0]).iterdir())
    shutil.copy(shared, root / first["train"][0] / "together.png")
    run = train(root, tmp_path / "again", **QUICK)
    assert run.people["valid"] == first["valid"]
    assert {
        Path(path).name for path in run.held_out(root).path if Path(path).parent.name in first["train"]
    } == set()
    assert str(shared) not in [*map(str, run.held_out(root).path)]


@pytest.mark.parametrize(("model", "tasks"), [("sa", "reid"), ("convhead", "reid")])
def test_a_model_of_attributes_that_learns_none_is_refused(model: str, tasks: str, tmp_path: Path):
    root = folders(tmp_path / "set", 6)
    options = QUICK | {"model": model, "tasks": tasks}
    refused(
        lambda: train(root, tmp_path / "run", **options), f"model is '{model}', which has no effect without"
    )


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-5), ("bf16", 5e-3)])
def test_a_batch_of_one_is_as_a_batch_of_many(precision: str, most: float):
    model = build_model("sa", size=(64, 32), strides="imagenet")
    model.precision = precision
    images = np.random.default_rng(0).integers(0, 256, (7, 64, 32, 3), np.uint8)
    many, one = (model.predict(images, batch=size) for size in (7, 1))
    long = np.linalg.norm(many.embeddings, axis=1).min()
    assert np.abs(one.embeddings - many.embeddings).max() <= most * long
    for name, p in many.probabilities.items():
        assert np.abs(one.probabilities[name] - p).max() <= 2 * most, name


@POSIX
@pytest.mark.parametrize("lines", (0, 1))
@pytest.mark.parametrize("command", ("data check", "predict"))
def test_a_closed_pipe_is_no_error(command: str, lines: int, a_run: tuple[Path, Run]):
    root, run = a_run
    words = {"data check": ["data", "check", root], "predict": ["predict", run.path, root]}[command]
    program = [sys.executable, "-u", "-m", "reid_course.cli.main", *map(str, words)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    read = [process.stdout.readline() for _ in range(lines)]
    process.stdout.close()
    complaints = process.stderr.read()
    assert complaints == "" and process.wait(60) in (0, 1) and all(read)
