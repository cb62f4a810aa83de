"""A gallery stored and searched again: everything is searched, by this network alone, and without PyTorch for words."""

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from allpairspy import AllPairs
from owned import QUICK, a_run, counts, folders, official  # noqa: F401
from support import run

from reid_course.cli.main import main
from reid_course.data import load_dataset
from reid_course.retrieval import Gallery
from reid_course.training import Run, train

Call = Callable[..., tuple[str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture) -> Call:
    "A command: what it prints, and the one line of its error."

    def give(*words: object) -> tuple[str, str]:
        capsys.readouterr()
        code = main([*map(str, words)])
        said = capsys.readouterr()
        assert (code == 0) == (said.err == "") and said.err.count("\n") == code, said.err
        return said.out, said.err

    return give


@pytest.fixture(scope="module")
def indexed(a_run: tuple[Path, Run]) -> dict[str, Path]:  # noqa: F811
    "The folders, the run, and both kinds of gallery of them."
    root, trained = a_run
    found = {"data": root, "run": trained.path}
    for kind in ("npz", "lance"):
        found[kind] = root.parent / f"people.{kind}"
        words = ["index", trained, "--data", root, "--out", found[kind]]
        assert main([*map(str, words)]) == 0
    return found


def test_all_of_an_own_folder_is_searched(indexed: dict[str, Path], call: Call):
    query = indexed["data"] / "p0003" / "1_c2_.png"
    said, _ = call("search", indexed["run"], "--data", indexed["data"], "--query", query, "--top", 99)
    lines = said.splitlines()
    assert lines[0].startswith("folder layout: 24 train images")
    assert lines[1] == "searched 24 images of 8 people (all of train, for there is no gallery)"
    assert len(lines) == 3 + 24 and lines[2].split() == ["path", "person", "pid", "camid", "distance"]
    assert lines[3].split()[:2] == [str(query), "p0003"] and lines[3].endswith("0.000")
    assert {line.split()[1] for line in lines[3:]} == {f"p{i:04d}" for i in range(1, 9)}


def test_the_gallery_is_searched_where_there_is_one(tmp_path: Path, call: Call):
    data = official(tmp_path / "base")
    trained = train(data, tmp_path / "run", **QUICK | {"tasks": "reid"})
    query = next((data / "query").glob("*.png"))
    n = counts(load_dataset(data))[2]
    for more in (["--data", data], ["--gallery", tmp_path / "g.npz"]):
        if "--gallery" in more:
            call("index", trained, "--data", data, "--out", tmp_path / "g.npz")
        said, _ = call("search", trained, *more, "--query", query)
        assert f"searched {n} images of 6 people, 2 of nobody known (the gallery)\n" in said


def test_a_stored_gallery_keeps_what_is_shown(indexed: dict[str, Path]):
    tables = [Gallery.open(indexed[kind]).table for kind in ("npz", "lance")]
    pd.testing.assert_frame_equal(*tables)
    table, data = tables[0], load_dataset(indexed["data"])
    assert [Path(path).is_absolute() for path in table.path] == [True] * 24
    assert set(table) == {"path", "pid", "camid", "split", "person", "gender", "shoes", "junk"}
    assert set(table.gender) == {"male", "female"} and table.split.unique().tolist() == ["train"]
    assert table.person.tolist() == [Path(path).parent.name for path in table.path]
    assert table.pid.tolist() == data.train.pid.tolist() and table.junk.dtype == bool


FACTORS: dict[str, list[Any]] = {
    "question": [["query"], ["where"], ["query", "where"]],
    "weight": [[], ["--weight"], ["--weight", 0.5], ["--weight", -1]],
    "re-rank": [[], ["--re-rank"]],
    "junk": [[], ["--drop-junk"]],
    "top": [[], ["--top", 3], ["--top", 99]],
    "save": [False, True],
}


def wrong(case: dict[str, Any]) -> str:
    "What the one line says of a case; empty if it has an answer."
    if case["weight"] and (case["re-rank"] or len(case["question"]) < 2):
        return "--weight weighs --where beside --query"
    if case["re-rank"] and case["question"] == ["where"]:
        return "--re-rank compares a picture's neighbours"
    return "the weight is -1" if -1 in case["weight"] else ""


@pytest.mark.parametrize("row", list(AllPairs(list(FACTORS.values()))), ids=str)
def test_every_two_options_of_a_search(row: list, indexed: dict[str, Path], tmp_path: Path, call: Call):
    "With a data set and with either gallery: the same answer, or the same line."
    case = dict(zip(FACTORS, row, strict=True))
    query = indexed["data"] / "p0002" / "0_c1_.png"
    question = {"query": ["--query", query], "where": ["--where", "gender=male"]}
    words = [word for name in case["question"] for word in question[name]]
    words += [*case["weight"], *case["re-rank"], *case["junk"], *case["top"]]
    words += ["--save", tmp_path / "list.png"] if case["save"] else []
    heads = []
    for source in ("data", "npz", "lance"):
        where = ["--data", indexed["data"]] if source == "data" else ["--gallery", indexed[source]]
        said, error = call("search", indexed["run"], *where, *words)
        assert (wrong(case) in error) if wrong(case) else not error, error
        heads.append(said.replace(f"{load_dataset(indexed['data']).summary}\n", ""))
    assert heads[1] == heads[2] and heads[0].split() == heads[1].split()
    assert case["save"] is False or wrong(case) or (tmp_path / "list.png").is_file()


def test_conditions_are_weighed(indexed: dict[str, Path]):
    gallery = Gallery.open(indexed["npz"])
    point, plain = gallery.embeddings[3], gallery.search(gallery.embeddings[3], 99)
    wish = {"gender": "male", "shoes": ["boots"]}
    filtered = gallery.search(point, 99, wish)
    assert gallery.search(point, 99, wish, weight=0).index.tolist() == plain.index.tolist()
    evidence = sum(np.log(gallery.probabilities[name][:, gallery_class(gallery, name, word)])
                   for name, word in (("gender", "male"), ("shoes", "boots")))  # fmt: skip
    for weight in (0.3, 2.0):
        found = gallery.search(point, 99, wish, weight=weight)
        apart = np.linalg.norm(gallery.embeddings[:, None] - gallery.embeddings, axis=2)
        unit = apart[np.triu_indices(len(gallery), 1)].std()
        score = weight * evidence - apart[3] / unit
        assert len(found) == len(gallery) >= len(filtered)
        assert found.index.tolist() == np.argsort(-score, kind="stable").tolist()
        assert np.allclose(found.score, np.sort(score)[::-1], atol=1e-4)


def gallery_class(gallery: Gallery, name: str, word: str) -> int:
    "The number of a class."
    return next(a.classes.index(word) for a in gallery.schema if a.name == name)


LOADED = (
    "import sys; from reid_course.cli.main import main; print(main(sys.argv[1:]), 'torch' in sys.modules)"
)


@pytest.mark.parametrize("kind", ["npz", "lance"])
def test_words_alone_need_no_torch(kind: str, indexed: dict[str, Path]):
    words = ["search", indexed["run"], "--gallery", indexed[kind], "--where", "gender=male", "--top", "2"]
    code, said = run("python", "-c", LOADED, *words)
    assert code == 0 and "searched 24 images of 8 people" in said and said.endswith("0 False\n"), said
    code, said = run("python", "-c", LOADED, *words, "--query", indexed["data"] / "p0002" / "0_c1_.png")
    assert said.endswith("0 True\n"), said


def test_another_run_is_refused(indexed: dict[str, Path], tmp_path: Path, call: Call):
    other = train(indexed["data"], tmp_path / "other", **QUICK | {"seed": 1})
    for kind, more in product(("npz", "lance"), ([], ["--query", indexed["data"] / "p0002" / "0_c1_.png"])):
        words = ["search", other, "--gallery", indexed[kind], "--where", "gender=male", *more]
        assert f"{indexed[kind]} was made by another network; expected" in call(*words)[1]
    copy = shutil.copytree(indexed["run"], tmp_path / "copy")  # the same network under another name
    assert not call("search", copy, "--gallery", indexed["npz"], "--where", "gender=male")[1]
    weights = indexed["run"] / "best.safetensors"  # a weights file is a network too
    assert not call("search", weights, "--gallery", indexed["npz"], "--where", "gender=male")[1]
    unsaid = Gallery.open(indexed["npz"])
    plain = Gallery(schema=unsaid.schema)
    plain.add(unsaid.embeddings, unsaid.table, unsaid.probabilities)
    plain.save(tmp_path / "unsaid.npz")
    words = ["search", copy, "--gallery", tmp_path / "unsaid.npz", "--where", "gender=male"]
    assert "unsaid.npz does not say which network made it; expected" in call(*words)[1]


def test_what_cannot_be_done_is_refused_before_images_are_looked_at(
    indexed: dict[str, Path], tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("reid_course.model.ReidModel.predict", None)
    own = [indexed["run"], "--data", indexed["data"]]
    assert "people.npz exists already" in call("index", *own, "--out", indexed["npz"])[1]
    assert "people.lance exists already" in call("index", *own, "--out", indexed["lance"])[1]
    assert "people.csv is no kind of gallery" in call("index", *own, "--out", tmp_path / "people.csv")[1]
    assert "'hat' is no attribute; expected one of" in call("search", *own, "--where", "hat=yes")[1]
    nothing = ["search", indexed["run"], "--gallery", tmp_path / "none.npz", "--where", "gender=male"]
    assert "none.npz: no such gallery" in call(*nothing)[1]
    empty = ["search", tmp_path / "nowhere", "--gallery", indexed["npz"], "--where", "gender=male"]
    assert "nowhere has no network; expected a run" in call(*empty)[1]
    with pytest.raises(SystemExit) as caught:
        main(["search", *map(str, own), "--gallery", str(indexed["npz"]), "--where", "gender=male"])
    assert caught.value.code == 2


def test_junk_is_marked_where_somebody_was_held_out(tmp_path: Path, call: Call):
    data = folders(tmp_path / "people", 4)
    trained = train(data, tmp_path / "run", **QUICK | {"valid": 0.0})
    said, _ = call("index", trained, "--data", data, "--out", tmp_path / "g.npz")
    assert "junk is not marked, so search --drop-junk will refuse: " in said and "held nobody out" in said
    query = data / "p0002" / "0_c1_.png"
    words = ["search", trained, "--gallery", tmp_path / "g.npz", "--query", query]
    assert "g.npz does not say what is junk; expected one indexed" in call(*words, "--drop-junk")[1]
    assert "searched 12 images of 4 people" in call(*words)[0]


def test_a_gallery_is_searched_from_anywhere(
    indexed: dict[str, Path], tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(indexed["data"].parent)
    call("index", "run", "--data", "folders", "--out", "near.npz")
    monkeypatch.chdir(tmp_path)
    words = ["search", indexed["run"], "--gallery", indexed["data"].parent / "near.npz"]
    said, error = call(*words, "--where", "gender=male", "--save", "list.png")
    assert not error and (tmp_path / "list.png").is_file() and str(indexed["data"]) in said
