"""Several processes train, look and judge as one process does."""

import os
import re
import sys
import time
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from several import SMALL, frozen, together

from reid_course import images
from reid_course.data import load_dataset
from reid_course.engine import loading
from reid_course.engine.group import ALONE
from reid_course.engine.processes import Processes, launched
from reid_course.engine.trainer import Callback
from reid_course.images import ImageStore
from reid_course.metrics import RetrievalScores, evaluate_embeddings
from reid_course.model import load_model
from reid_course.sampling import PKBatchSampler
from reid_course.scoring import score
from reid_course.split import split_identities
from reid_course.training import TrainConfig, train

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked, and killed, as on POSIX")
NUMBERS = [2, pytest.param(4, marks=pytest.mark.deep)]


# A training


def trained(root: Path, out: Path, more: dict) -> dict:
    "Two epochs; what this process looked at, and what it wrote."
    written = []

    def note(event: str, arguments: tuple) -> None:
        names = [str(a) for a in arguments[: 1 + (event == "os.rename")]]
        reads = event == "open" and (arguments[1] or "r")[0] == "r" and not (arguments[2] or 0) & 3
        if event in ("open", "os.mkdir", "os.rename", "os.remove") and not reads:
            written.extend(name for name in names if name.startswith(str(out)))

    sys.addaudithook(note)
    group, read = frozen(), ImageStore._read
    seen: set[str] = set()

    def noted(images: ImageStore, paths: list[str], title: str = "") -> np.ndarray:
        if len(paths) <= 16:  # a batch, not the whole set
            seen.update(paths)
        return read(images, paths, title)

    ImageStore._read = noted
    if more.pop("on demand", False):
        images.memory_share, loading.WORKERS = lambda: 0, 0  # read here, batch by batch
    steps = []

    class Counts(Callback):
        def on_step(self, *_: object) -> None:
            steps.append(1)

    options: dict = {"device": "cpu", "seed": 3, "p": 4, "epochs": 2, "lr": 1e-5, **SMALL, **more}
    train(root, out, group=group, callbacks=[Counts()], **options)
    ImageStore._read = read
    return {
        **{"written": written, "seen": seen, "steps": len(steps), "rank": group.rank},
        **{"batches": group.batches, "shares": group.shares, "rows": group.rows},
    }


@pytest.fixture(scope="module")
def alone(drawn_people, tmp_path_factory) -> Path:
    "The run of one process."
    out = tmp_path_factory.mktemp("alone") / "run"
    work = partial(trained, drawn_people, out, {"ema_decay": 0.9})
    (found,) = together(work, 1, out.parent / "left")
    assert isinstance(found, dict), found
    return out


@pytest.mark.parametrize("size", NUMBERS)
def test_training_is_that_of_one_process(size, drawn_people, alone, tmp_path):
    out = tmp_path / "run"
    found = together(
        partial(trained, drawn_people, out, {"ema_decay": 0.9, "on demand": True}), size, tmp_path / "left"
    )
    assert all(isinstance(x, dict) for x in found), found
    config = TrainConfig(p=4, k=4)
    people, _ = split_identities(load_dataset(drawn_people).train, config.valid, config.split_seed)
    sampler = PKBatchSampler(people.pid.to_numpy(), 4, 4, 3)
    expected = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        expected += [people.pid.to_numpy()[rows].tolist() for rows in sampler]

    first, *others = found
    assert [x["steps"] for x in found] == [2 * len(sampler)] * size  # the same number on every rank
    for x in found:
        assert x["batches"] == expected  # the global batch of one process
        assert x["shares"] == first["shares"]
        assert x["rows"] == [len(shares[x["rank"]]) for shares in x["shares"]]
    for pids, shares in zip(expected, first["shares"], strict=True):
        assert sorted(chain(*shares)) == list(range(16))  # each row is looked at once
        for share in shares:
            own = [pids[row] for row in share]
            assert own and all(own.count(pid) == 4 for pid in own)  # whole identities
    for epoch in range(2):  # every identity at least once an epoch
        steps = slice(epoch * len(sampler), (epoch + 1) * len(sampler))
        assert set(chain(*expected[steps])) == set(people.pid)
    paths = [{Path(path).name for path in x["seen"]} for x in found]
    assert all(0 < len(own) < len(set().union(*paths)) for own in paths)  # each reads its own

    assert first["written"] and not any(x["written"] for x in others)
    assert sorted(x.name for x in out.iterdir()) == sorted(x.name for x in alone.iterdir())
    logs = [pd.read_csv(run / "log.csv").drop(columns="seconds") for run in (out, alone)]
    losses = [name for name in logs[0] if "loss" in name or "total" in name]
    pd.testing.assert_frame_equal(logs[0][losses], logs[1][losses], rtol=3e-4)
    sigmas = ["log_sigma_ar", "log_sigma_id"]
    pd.testing.assert_frame_equal(logs[0][sigmas], logs[1][sigmas], rtol=3e-4)
    assert np.allclose(logs[0].mAP, logs[1].mAP, atol=0.01)


def strangers(root: Path, out: Path) -> None:
    "One process reads other people than the others."
    group = frozen()
    train(root, out, group=group, device="cpu", p=4, epochs=1, split_seed=group.rank, **SMALL)


def test_other_data_in_one_process_end_the_run(drawn_people, tmp_path):
    found = together(partial(strangers, drawn_people, tmp_path / "run"), 2, tmp_path / "left")
    assert all(isinstance(x, str) for x in found), "every process ends"
    # one that reads late may find only that the other has gone
    assert any("differ between the processes; expected one file system for all" in x for x in found), found


# Looking and judging


def judged(root: Path, run: Path) -> tuple[dict[str, float], np.ndarray, RetrievalScores]:
    "Scores, embeddings, and retrieval among enough points for several blocks."
    group, people = launched("cpu"), load_dataset(root).train
    model, store = load_model(run), ImageStore(people.path, (64, 32))
    scores = score(model, people, None, group)
    rng = np.random.default_rng(0)
    points, pids = rng.normal(size=(33_000, 4)).astype(np.float32), rng.integers(1, 900, 33_000)
    found = evaluate_embeddings(points[:700], points, pids[:700], pids, leave_out=np.arange(700), group=group)
    return scores, model.predict(store, 64, group).embeddings, found


@pytest.mark.parametrize("size", [3])
def test_scores_are_the_very_same(size, drawn_people, alone, tmp_path):
    (right,) = together(partial(judged, drawn_people, alone), 1, tmp_path / "one")
    for found in together(partial(judged, drawn_people, alone), size, tmp_path / "left"):
        assert not isinstance(found, str), found
        assert found[0] == right[0] and len(found[0]) > 10
        assert np.array_equal(found[1], right[1])
        assert (found[2].mAP, found[2].mINP, found[2].mAP_trapezoid) == (
            right[2].mAP,
            right[2].mINP,
            right[2].mAP_trapezoid,
        )
        assert np.array_equal(found[2].ap, right[2].ap) and np.array_equal(found[2].cmc, right[2].cmc)


def lonely() -> str:
    "The second process neither dies nor answers."
    group = Processes("cpu", seconds=3)
    if group.rank == 1:
        time.sleep(15)
    began = time.monotonic()
    try:
        group.all_gather_objects([])
    except Exception:
        return f"gave up after {time.monotonic() - began:.0f} s"
    return "nobody noticed"


def test_process_that_does_not_answer_is_given_up(tmp_path):
    found = together(lonely, 2, tmp_path / "left", seconds=60)
    assert re.fullmatch(r"gave up after \d+ s", str(found[0])), found


def test_without_a_launcher_there_is_one_process(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert launched() is ALONE
