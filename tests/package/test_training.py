"""Training and judging at the edges that the lessons do not stand on: weights of files, mirror images, nobody twice."""

from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from torchvision.models import ResNet18_Weights, resnet18

from reid_course import training
from reid_course.backbone import resnet_backbone
from reid_course.data import ATTRIBUTES, load_dataset
from reid_course.engine.callbacks import Report
from reid_course.engine.checkpoint import read_tensors
from reid_course.engine.trainer import Callback, Objective, Trainer
from reid_course.errors import ReidError
from reid_course.images import ImageStore
from reid_course.model import Predictions, build_model
from reid_course.sampling import PKBatches
from reid_course.scoring import retrieval_scores
from reid_course.training import Run, TrainConfig, train, valid_losses

SMALL: dict = {"size": (32, 16), "strides": "imagenet", "weights": None, "p": 4, "k": 2}


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
    losses = valid_losses(Objective(), Predictions(points, {}, ()), frame, 16, 4)
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


class PowerCut(Callback):
    "Fails after some epoch."

    def __init__(
        self,
        epoch: int = 1,  # from 1
    ):
        self.epoch = epoch

    def on_epoch(self, trainer: Trainer, row: dict[str, float]):
        if len(trainer.log) == self.epoch:
            raise KeyboardInterrupt


def same_state(one: Run, other: Run):
    "Weights, task weights and Adam's averages are the same, bit for bit, and so is the log but for the seconds."
    (here, _), (there, _) = read_tensors(one.last), read_tensors(other.last)
    assert here.keys() == there.keys() and all(torch.equal(here[name], there[name]) for name in here)
    pd.testing.assert_frame_equal(one.log.drop(columns="seconds"), other.log.drop(columns="seconds"))


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
