"""Training and judging at the edges that the lessons do not stand on: weights of files, mirror images, nobody twice."""

import shutil
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from torchvision.models import ResNet18_Weights, resnet18
from trained import SMALL, Plain, PowerCut, same_state

from reid_course import training
from reid_course.backbone import resnet_backbone
from reid_course.data import ATTRIBUTES, attribute_targets, load_dataset
from reid_course.engine.callbacks import Report
from reid_course.engine.trainer import Callback, Objective, Trainer
from reid_course.errors import ReidError
from reid_course.heads import attribute_loss
from reid_course.images import ImageStore, to_input
from reid_course.model import Predictions, build_model
from reid_course.pages.charts import chart_curves
from reid_course.recipes import recipe
from reid_course.sampling import PKBatches, PKBatchSampler
from reid_course.scoring import retrieval_scores
from reid_course.split import split_identities
from reid_course.training import TrainConfig, train, valid_losses
from reid_course.triplet import triplet_loss


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    "Where torchvision looks for its ImageNet weights of ResNet-18: a file that is not there yet."
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder / Path(ResNet18_Weights.IMAGENET1K_V1.url).name


@pytest.mark.parametrize("kind", ["imagenet", ".pth", ".safetensors"])
def test_weights_are_taken_from_cache_and_files(kind: str, cache: Path):
    from safetensors.torch import save_file

    state = resnet18().state_dict()
    file = cache if kind == "imagenet" else cache.with_suffix(kind)
    (save_file if kind == ".safetensors" else torch.save)(state, file)
    found = resnet_backbone(weights=kind if kind == "imagenet" else file).state_dict()
    assert torch.equal(found["conv1.weight"], state["conv1.weight"])
    assert torch.equal(found["bn1.running_var"], state["bn1.running_var"])


def test_damaged_weights_in_the_cache_are_named(cache: Path):
    cache.write_bytes(b"half a file")
    with pytest.raises(ReidError, match=rf"ResNet-18 cannot be had .*good {cache.name} into {cache.parent}"):
        resnet_backbone(weights="imagenet")


def first_batch(root: Path, probability: float) -> Tensor:  # (n, 3, height, width)
    "What the first step of a training looks at, where images are erased with some probability."
    people, config = load_dataset(root).train, TrainConfig(erasing_prob=probability, **SMALL)
    images = ImageStore(people.path, (32, 16))
    return next(iter(PKBatches(images, people, config, ATTRIBUTES, torch.device("cpu"))(0))).inputs


def test_a_training_hides_a_part_of_each_image(drawn: Path):
    changed = (first_batch(drawn, 0.0) != first_batch(drawn, 1.0)).any(1).flatten(1)
    assert changed.any(1).all() and changed.float().mean(1).max() < 0.5


@pytest.mark.parametrize("neck", [False, True])
def test_a_mirror_image_gets_the_same_answers(neck: bool):
    model = build_model(size=(32, 16), strides="imagenet", flip_tta=True, neck=neck)
    model.precision = "fp32"
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 16, 3), np.uint8)
    here, there = model.predict(pictures), model.predict(pictures[:, :, ::-1].copy())
    for name, probabilities in here.probabilities.items():
        np.testing.assert_allclose(probabilities, there.probabilities[name], atol=1e-4)
    np.testing.assert_allclose(here.embeddings, there.embeddings, atol=1e-4)
    assert np.allclose(np.linalg.norm(here.embeddings, axis=1), 1) == neck


def test_nobody_twice_is_not_scored(drawn: Path):
    frame = load_dataset(drawn).train.drop_duplicates("pid")
    points = np.eye(len(frame), dtype=np.float32)
    scores = retrieval_scores(points, frame)
    assert len(scores) == 4 and np.isnan(list(scores.values())).all()
    losses = valid_losses(Objective(), Predictions(points, {}, ()), frame, TrainConfig())
    assert list(losses) == ["valid_loss_ar", "valid_loss_id", "valid_total"]
    assert np.isnan(list(losses.values())).all()


def test_a_training_ends_when_nothing_gets_better(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found = chain([0.1, 0.2], repeat(0.1))  # the second epoch is the best
    monkeypatch.setattr(training, "attribute_scores", lambda *_, **__: {"accuracy": 0.5})
    monkeypatch.setattr(training, "retrieval_scores", lambda *_, **__: {"mAP": next(found)})
    told: list[dict[str, float]] = []
    run = train(drawn, tmp_path / "run", epochs=50, patience=3, callbacks=[Report(told.append)], **SMALL)
    assert len(told) == len(run.log) == 5 and run.metrics["best_epoch"] == 2


class Watch(Callback):
    "Notes the learning rate of every step, and how far the first one moved the weights."

    def __init__(self):
        self.rates: list[float] = []
        self.moved = 0.0

    def on_epoch_start(self, trainer: Trainer):
        if not self.rates:
            self.first = trainer.model.backbone.conv1.weight.detach().clone()

    def on_step(self, trainer: Trainer, losses: dict[str, Tensor]):
        if not self.rates:
            self.moved = (trainer.model.backbone.conv1.weight - self.first).abs().max().item()
        self.rates.append(trainer.optimizer.param_groups[0]["lr"])


def test_the_first_of_the_warm_up_steps_learns_too(drawn: Path, tmp_path: Path):
    watch = Watch()
    options = {"warmup": 2.0, "lr": 0.01, **SMALL}
    run = train(drawn, tmp_path / "run", epochs=3, callbacks=[watch], **options)
    n = 2 * len(watch.rates) // 3
    assert n >= 4 and watch.rates == pytest.approx([0.01 * min(i + 1, n) / n for i in range(3 * n // 2)])
    assert watch.moved == pytest.approx(0.01 / n, rel=0.01)  # Adam's first step: the rate itself
    assert run.log.lr.iloc[1] == pytest.approx(0.01)


def test_a_warm_up_that_was_cut_goes_on_bit_for_bit(drawn: Path, tmp_path: Path):
    options = {"warmup": 2.0, "lr": 0.01, "epochs": 2, **SMALL}
    whole = train(drawn, tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        train(drawn, tmp_path / "cut", callbacks=[PowerCut()], **options)
    cut = train(drawn, tmp_path / "cut", resume=True, **options)
    same_state(whole, cut)


def unchanged(images: Tensor, generator: torch.Generator) -> Tensor:
    return images


STRONG: dict = recipe("strong") | SMALL | {"precision": "fp32", "epochs": 1}


@pytest.mark.parametrize("junk", [0.0, 0.5])
def test_training_and_held_out_losses_of_the_same_pictures_are_the_same(
    drawn: Path, tmp_path: Path, junk: float
):
    people = load_dataset(drawn).train
    once = people[people.pid.isin(people.pid.unique()[:4])].groupby("pid").head(4)
    copies = [shutil.copy(path, tmp_path / f"{i}.jpg") for i, path in enumerate(once.path)]
    both = pd.concat([once, once.assign(pid=once.pid + 1000, path=[*map(str, copies)])], ignore_index=True)
    seed = next(s for s in range(99) if len(set(split_identities(both, 0.5, s)[0].pid % 1000)) == 4)
    options = STRONG | {"k": 4, "lr": 1e-12, "valid": 0.5, "split_seed": seed, "junk": junk, "pooling": "avg"}
    run = train(
        load_dataset(both, schema=ATTRIBUTES),
        tmp_path / "run",
        transform=unchanged,
        backbone=Plain,
        **options,
    )
    row = run.log.iloc[0]
    assert row.valid_loss_ar == pytest.approx(row.train_loss_ar, rel=1e-4)
    assert row.valid_loss_id == pytest.approx(row.train_loss_id, rel=1e-4) and row.valid_loss_id > 0.1
    more = row.train_loss_identity + (row.train_loss_junk if junk else 0.0)  # nobody held out has these
    assert more > 1 and row.train_total == pytest.approx(row.valid_total + more, rel=1e-4)
    charts = chart_curves({"ResNet": run.log})
    assert [*charts][2:] == ["Attribute loss", "Triplet loss"]  # no chart of two totals


def test_held_out_losses_are_the_objectives_own_before_the_neck(drawn: Path, tmp_path: Path):
    run = train(drawn, tmp_path / "run", **STRONG)
    held, row = run.held_out(drawn), run.log.iloc[0]
    with torch.inference_mode():
        outputs = run.model()(to_input(torch.from_numpy(ImageStore(held.path, (32, 16))[:])))
    pids, targets = torch.tensor(held.pid.to_numpy()), torch.tensor(attribute_targets(held))
    losses = [
        (
            attribute_loss([outputs[a.name][rows] for a in ATTRIBUTES], targets[rows]).item(),
            triplet_loss(outputs["embedding"][rows], pids[rows], "soft").item(),
        )
        for rows in PKBatchSampler(held.pid.to_numpy(), min(4, held.pid.nunique()), 2)
    ]
    loss_ar, loss_id = np.mean(losses, axis=0)
    assert [row.valid_loss_ar, row.valid_loss_id] == pytest.approx([loss_ar, loss_id], rel=1e-4)
    weighted = np.exp(-row.log_sigma_ar) * loss_ar + np.exp(-2 * row.log_sigma_id) * loss_id
    assert row.valid_total == pytest.approx(weighted + row.log_sigma_ar + row.log_sigma_id, rel=1e-4)


def test_attribute_loss_of_pictures_of_nobody_known_is_watched(drawn: Path, tmp_path: Path):
    table = load_dataset(drawn).train.drop(columns="pid")
    run = train(
        load_dataset(table, schema=ATTRIBUTES),
        tmp_path / "run",
        epochs=9,
        monitor="valid_total",
        patience=1,
        lr=1e-12,
        **SMALL,
    )
    assert run.log.valid_total.notna().all() and (run.log.valid_total == run.log.valid_loss_ar).all()
    assert len(run.log) < 9
