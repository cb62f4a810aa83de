"""Data of one's own, through the command, and the same kinds of faults in other doors."""

import csv
import itertools
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from owned import NAMES, QUICK, QUICK_FLAGS, counts, folders, official, person, refused, said, write
from PIL import Image, PngImagePlugin
from support import failed

from reid_course.data import load_dataset, scan_dataset
from reid_course.engine.decode import read_image
from reid_course.metrics import evaluate_embeddings
from reid_course.model import build_model
from reid_course.training import Run, train
from reid_course.verification import same_person

# Rows of the first set, through the command


def test_one_camera_is_scored_without_cameras(tmp_path: Path, capsys: pytest.CaptureFixture):
    root = official(tmp_path / "set", "{pid:04d}_c1s1_{i:06d}_0{cam}.png")
    run = train(root, tmp_path / "run", **QUICK)
    lines = said(capsys, "evaluate", run, "--data", root, "--device", "cpu")
    data, model = load_dataset(root), run.model()
    query, gallery = (model.predict(x.path.tolist()).embeddings for x in (data.query, data.gallery))
    expected = 100 * evaluate_embeddings(query, gallery, data.query.pid, data.gallery.pid).mAP
    at = lines.index("6 queries against 14 gallery images, %")
    assert lines[at + 1].split() == ["mAP", f"{expected:.2f}"] and "2 held-out people, 4 images, %" in lines
    shutil.rmtree(root / "query")
    lines = said(capsys, "evaluate", run, "--data", root, "--device", "cpu")
    assert "no queries, so the gallery is not scored" in lines[0] and lines[2].startswith("2 held-out people")


def test_another_data_set_is_scored_and_said_to_be_other_people(
    tmp_path: Path, capsys: pytest.CaptureFixture
):
    run = train(official(tmp_path / "set"), tmp_path / "run", **QUICK)
    other = official(tmp_path / "other", NAMES["DukeMTMC"])
    for file in other.rglob("*.png"):
        Image.open(file).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(file)
    lines = said(capsys, "evaluate", run, "--data", other, "--device", "cpu")
    assert "holds none of the people that" in lines[1] and "so the queries alone are scored" in lines[1]
    assert lines[3] == "6 queries against 14 gallery images, %"
    assert lines[4].split()[0] == "mAP_cross_camera"


def test_one_image_of_each_has_one_line(tmp_path: Path, capsys: pytest.CaptureFixture):
    root = folders(tmp_path / "set", 6, 1)
    said(capsys, "train", "--data", root, "--out", tmp_path / "run", *QUICK_FLAGS)
    lines = said(capsys, "evaluate", tmp_path / "run", "--data", root)
    assert "one image of each, so nobody can be found again" in lines[0]
    assert lines[-1] == "no score: nobody has two images, and no attribute is labelled"


def test_attributes_without_identities_through_the_command(tmp_path: Path, capsys: pytest.CaptureFixture):
    root, rows = tmp_path / "set", []
    for i in range(12):
        write(person(i % 2, i), root / f"{i}.png")
        rows.append(f"{i}.png,{('male', 'female')[i % 2]}\n")
    (root / "attributes.csv").write_text("path,gender\n" + "".join(rows))
    lines = said(
        capsys, "train", "--data", root, "--out", tmp_path / "run", "--tasks", "attributes", *QUICK_FLAGS
    )
    assert lines[-1] == f"look at {tmp_path / 'run' / 'report.html'}"
    lines = said(capsys, "evaluate", tmp_path / "run", "--data", root)
    scores = dict(line.split() for line in lines[3:])
    assert lines[2] == "4 held-out images, %"  # of nobody known, so of no number of people
    held = Run(tmp_path / "run").held_out(root)
    right = Run(tmp_path / "run").model().predict(held.path.tolist()).classes().gender == held.gender
    assert scores["accuracy_gender"] == f"{100 * right.mean():.2f}" and "mAP" not in scores
    line = failed(capsys, "same", tmp_path / "run", root / "0.png", root / "1.png")
    assert "run held out 0 people, too few to measure a threshold" in line


@pytest.mark.parametrize("wrap", ("module.{}", "backbone.{}", "module.backbone.{}", "{}"))
def test_weights_of_other_projects(wrap: str, tmp_path: Path):
    plain = build_model(size=(32, 16))
    own = {f"{wrap.format(k.removeprefix('backbone.'))}": v for k, v in plain.state_dict().items()}
    own = {k: v for k, v in own.items() if "heads" not in k and "embedding" not in k}
    torch.save({"state_dict": own, "epoch": 60}, tmp_path / "other.pth.tar")
    found = build_model(size=(32, 16), weights=tmp_path / "other.pth.tar").backbone.state_dict()
    assert all(torch.equal(found[name], x) for name, x in plain.backbone.state_dict().items())


def test_folders_of_images_are_answered(
    a_run: tuple[Path, Run], tmp_path: Path, capsys: pytest.CaptureFixture
):
    root, run = a_run
    write(person(3, 1), tmp_path / "mine" / "sub" / "b.PNG")
    glass = Image.new("RGBA", (8, 16), (0, 0, 0, 0))
    write(glass, tmp_path / "mine" / "a.png")
    (tmp_path / "mine" / "c.heic").touch()
    lines = said(capsys, "predict", run, tmp_path / "mine", "--csv", tmp_path / "out.csv")
    assert lines[0] == "2 images; left out: 1 .heic; attributes gender, shoes"
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    white = np.full((1, 32, 16, 3), 255, np.uint8)
    expected = run.model().predict(white)
    assert [Path(row["path"]).name for row in rows] == ["a.png", "b.PNG"]
    assert rows[0]["gender"] == expected.labels().gender[0]
    assert float(rows[0]["gender_probability"]) == pytest.approx(
        expected.probabilities["gender"].max(), abs=1e-4
    )
    assert "exists already" in failed(capsys, "predict", run, root, "--csv", tmp_path / "out.csv")
    (tmp_path / "none").mkdir()
    assert "it is empty" in failed(capsys, "predict", run, tmp_path / "none")
    official(tmp_path / "around" / "Market")
    assert "Market (official layout) inside it" in failed(capsys, "predict", run, tmp_path / "around")


def test_same_or_not(tmp_path: Path, capsys: pytest.CaptureFixture):
    root = folders(tmp_path / "set", 16)
    run = train(root, tmp_path / "run", **QUICK)
    held = run.held_out(root)
    pair = held.path[held.pid == held.pid[0]].tolist()[:2]
    verdict = same_person(run, *pair)
    points = run.model().predict(pair).embeddings
    assert verdict.distance == pytest.approx(np.linalg.norm(points[0] - points[1]), rel=1e-5)
    found = run.metrics["verification"]
    assert (found["people"], found["across_cameras"]) == (2, True)
    assert verdict.same == (verdict.distance <= found["equal"]["distance"])
    (line,) = said(capsys, "same", run, *pair)
    assert line == str(verdict) and f"threshold {found['equal']['distance']:.3f}" in line
    wide = write(person(1, 1, (10, 30)), tmp_path / "scene.png")
    assert "scene.png is 30×10 pixels: no crop" in said(capsys, "same", run, pair[0], wide)[1]
    assert "scene.jpg: not a readable image" in failed(capsys, "same", run, pair[0], tmp_path / "scene.jpg")
    few = train(folders(tmp_path / "few", 6), tmp_path / "fewer", **QUICK)
    assert "held out 2 people, too few" in failed(capsys, "same", few, *pair)


# The second set: the same kinds in other doors

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"""
UNDO = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # orientation -> what lays an upright picture so


@pytest.mark.parametrize(("kind", "turn"), list(itertools.product(("jpg", "png", "webp", "tif"), UNDO)))
def test_every_turn_in_every_format(kind: str, turn: int, tmp_path: Path):
    upright, exif = person(1, 1, (32, 16)), Image.Exif()
    upright.paste("black", (0, 0, 16, 8))  # a head
    upright.paste("white", (0, 8, 4, 32))  # an arm
    exif[0x0112] = turn
    laid = upright if UNDO[turn] is None else upright.transpose(Image.Transpose(UNDO[turn]))
    image = read_image(write(laid, tmp_path / f"x.{kind}", exif=exif, quality=95)).astype(int)
    assert image.shape == (32, 16, 3) and abs(image - np.asarray(upright)).mean() < 8


@pytest.mark.parametrize("kind", ("jpg", "png", "webp"))
def test_a_turn_in_xmp(kind: str, tmp_path: Path):
    upright, text = person(1, 1, (32, 16)), PngImagePlugin.PngInfo()
    upright.paste("black", (0, 0, 16, 8))
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    how = {"pnginfo": text} if kind == "png" else {"xmp": XMP}
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    image = read_image(write(lying, tmp_path / f"x.{kind}", quality=95, **how)).astype(int)
    assert image.shape == (32, 16, 3) and abs(image - np.asarray(upright)).mean() < 8


@pytest.mark.parametrize(
    ("name", "pid"),
    [
        ("0", 0),
        ("0.0", 0),
        ("00", 0),
        ("distractor", 0),
        ("-1.0", -1),
        ("-01", -1),
        ("JUNK", -1),
        ("junk", -1),
    ],
)
def test_other_spellings_of_nobody(name: str, pid: int, tmp_path: Path):
    root = folders(tmp_path / "set", 3)
    for i in range(5):
        write(person(60, i), root / name / f"{i}.png")
    data = load_dataset(root)
    assert (data.train.pid == pid).sum() == 5 and list(data.names) == [1, 2, 3]
    assert data.notes[f"{name}/ taken for {'junk' if pid else 'distractors'}"] == 5


def test_nobody_in_a_table_of_floats(images: list[Path], tmp_path: Path):
    texts = ["-1.0", "-1.0", "0.0", "0.0", "7.0", "7.0", "9.0", "9.0"]
    for pids in (texts, [float(x) for x in texts]):
        data = load_dataset(pd.DataFrame({"path": images, "pid": pids}))
        assert data.train.pid.tolist()[:4] == [-1, -1, 0, 0] and data.train.pid[4:].nunique() == 2
    rows = "".join(f"{image.name},{pid}\n" for image, pid in zip(images, texts, strict=True))
    (images[0].parent / "attributes.csv").write_text("path,id\n" + rows)
    assert load_dataset(images[0].parent).train.pid.tolist()[:4] == [-1, -1, 0, 0]


@pytest.mark.parametrize(
    "kind", (".gif", ".AVIF", ".jp2", ".hif", ".jxl", ".ppm", ".tga", ".ico", ".j2k", ".dib", ".NEF")
)
def test_a_picture_of_another_kind_is_an_issue(kind: str, tmp_path: Path):
    root = folders(tmp_path, 3)
    (root / "p0001" / f"x{kind}").touch()
    (issue,) = scan_dataset(root)[1]
    assert issue.kind == "image" and f"a picture of the kind {kind[1:].upper()}; save it" in issue.message


@pytest.mark.parametrize("kind", (".JPG", ".Jpeg", ".PNG", ".WebP", ".TIF", ".mpo", ".jif", ".apng", ".BMP"))
def test_other_spellings_of_kinds_are_read(kind: str, tmp_path: Path):
    root = folders(tmp_path, 3)
    with (root / "p0001" / f"x{kind}").open("wb") as file:
        person(1, 9).save(file, "PNG")
    data, issues = scan_dataset(root)
    assert (counts(data), issues) == ((10, 0, 0), [])


HALVES = {
    ("bounding_box_train",): ((12, 0, 0), ""),
    ("query",): ((0, 6, 0), "no gallery, so no query is scored"),
    ("bounding_box_test",): ((0, 0, 14), "no queries, so the gallery is not scored"),
    ("bounding_box_train", "query"): ((12, 6, 0), "no gallery, so no query is scored"),
    ("bounding_box_train", "bounding_box_test"): ((12, 0, 14), "no queries, so the gallery is not scored"),
}


@pytest.mark.parametrize("kept", HALVES)
def test_half_layouts(kept: tuple[str, ...], tmp_path: Path):
    root = official(tmp_path / "set")
    for folder in {"bounding_box_train", "query", "bounding_box_test"} - {*kept}:
        shutil.rmtree(root / folder)
    data = load_dataset(root)
    assert (counts(data), data.can_be_scored) == (HALVES[kept][0], False) and HALVES[kept][1] in data.summary
    if "bounding_box_train" not in kept:
        refused(lambda: train(data, tmp_path / "run", **QUICK), "nothing to train on")


def test_half_a_split(tmp_path: Path):
    for part, name in itertools.product(("train", "val"), ("anna", "ben", "carl")):
        write(person(len(name), len(part)), tmp_path / part / name / "1.png")
    data = load_dataset(tmp_path)
    assert (data.layout, counts(data)) == ("split", (3, 0, 0)) and data.notes[
        "left out: .png in val/anna/"
    ] == 1


@pytest.mark.parametrize("tasks", ("reid", None))
def test_junk_is_learned_or_refused(tasks: str | None, tmp_path: Path):
    root = folders(tmp_path / "set", 6)
    if tasks:
        (root / "attributes.csv").write_text("id,hat\np0001,yes\np0004,no\n")
    how = QUICK | {"junk": 0.25} | ({"tasks": tasks} if tasks else {})
    refused(lambda: train(root, tmp_path / "run", **how), "junk is 0.25, which an attribute head learns")
    assert not (tmp_path / "run").exists()
