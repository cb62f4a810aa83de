"""Training and judging at the edges that the lessons do not stand on: weights of files, mirror images, nobody twice."""

from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.models import ResNet18_Weights, resnet18

from reid_course import training
from reid_course.backbone import resnet_backbone
from reid_course.data import ATTRIBUTES, load_dataset
from reid_course.engine.callbacks import Report
from reid_course.engine.trainer import Objective
from reid_course.errors import ReidError
from reid_course.images import ImageStore
from reid_course.model import Predictions, build_model
from reid_course.sampling import PKBatches
from reid_course.scoring import retrieval_scores
from reid_course.training import TrainConfig, train, valid_losses

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
