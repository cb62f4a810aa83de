"""Networks, losses and training refuse what they cannot use, at the door: one line, in the caller's words."""

import numpy as np
import pytest
import torch
from doors import FRAME, NOWHERE, PIDS, SMALL, Wrong, check_refusal, numbered

from reid_course.attention import SelfAttentionHeads
from reid_course.backbone import resnet_backbone
from reid_course.data import Dataset
from reid_course.heads import ConvHeads, DenseHeads, EmbeddingHead
from reid_course.model import build_model, load_model
from reid_course.sampling import PKBatchSampler
from reid_course.training import train
from reid_course.triplet import triplet_loss
from reid_course.uncertainty import UncertaintyWeighting

POINTS, PEOPLE = torch.randn(4, 3), torch.tensor([1, 1, 2, 2])
MAPS = {"v": torch.zeros(2, 512), "layer3": torch.zeros(2, 256, 8, 4)}
STRANGERS = Dataset(NOWHERE, "folder", FRAME, FRAME[:0], FRAME[:0])
IMAGES = np.zeros((2, 64, 32, 3), np.uint8)

DOORS: dict[str, list[Wrong]] = {
    "resnet_backbone": [
        (lambda: resnet_backbone(19), "depth 19 is unknown; expected one of"),
        (lambda: resnet_backbone(strides="wide"), "strides 'wide' are unknown; expected"),
        (lambda: resnet_backbone(pooling="max"), "pooling 'max' is unknown; expected"),
        (lambda: resnet_backbone(weights=NOWHERE), "no-such-place"),
        (
            lambda: resnet_backbone()(torch.zeros(2, 64, 32, 3)),
            "images have shape (2, 64, 32, 3); expected (n, 3,",
        ),
        (
            lambda: resnet_backbone()(torch.zeros(2, 3, 64, 32, dtype=torch.uint8)),
            "images are numbers of type torch.uint8; expected normalised ones",
        ),
    ],
    "DenseHeads": [
        (lambda: DenseHeads()({"v": torch.zeros(2, 9)}), "v has shape (2, 9); expected (n, 512)"),
        (lambda: DenseHeads()({}), "no 'v' among the features"),
        (lambda: DenseHeads(0), "width is 0; expected 1 or more"),
    ],
    "ConvHeads": [
        (lambda: ConvHeads(128)(MAPS), "layer3 has shape (2, 256, 8, 4); expected (n, 128, h, w)"),
        (
            lambda: ConvHeads(layer="layer9")(MAPS),
            "no 'layer9' among the features; expected one of v, layer3",
        ),
        (lambda: ConvHeads(kernel=2), "kernel is 2; expected an odd number"),
        (lambda: ConvHeads(kernel=-1), "kernel is -1; expected 1 or more"),
        (lambda: ConvHeads(0), "channels is 0, out is 384, kernel is 3; expected 1 or more of each"),
        (lambda: ConvHeads(hidden=0), "hidden is 0; expected 1 or more"),
    ],
    "EmbeddingHead": [
        (lambda: EmbeddingHead(256)(MAPS), "v has shape (2, 512); expected (n, 256)"),
        (lambda: EmbeddingHead(dim=0), "dim is 0; expected 1 or more"),
        (lambda: EmbeddingHead(-1), "width is -1, dim is 256; expected 1 or more of each"),
        (lambda: EmbeddingHead(identities=-1), "identities is -1; expected 0 or more"),
        (lambda: EmbeddingHead().classify_identity(torch.zeros(2, 256)), "this head knows no identities"),
    ],
    "SelfAttentionHeads": [
        (lambda: SelfAttentionHeads(v_width=256)(MAPS), "v has shape (2, 512); expected (n, 256)"),
        (lambda: SelfAttentionHeads(128)(MAPS), "layer3 has shape (2, 256, 8, 4); expected (n, 128, h, w)"),
        (lambda: SelfAttentionHeads(width=9), "width 9 with 2 heads; expected a multiple"),
        (lambda: SelfAttentionHeads(0), "channels is 0, out is 192, kernel is 3; expected 1 or more of each"),
        (lambda: SelfAttentionHeads(heads=0), "heads is 0; expected 1 or more"),
        (
            lambda: SelfAttentionHeads(v_width=0, grid=0),
            "v_width is 0, hidden is 16, grid is 0; expected 1 or more of each",
        ),
    ],
    "PKBatchSampler": [
        (lambda: PKBatchSampler(PIDS, 1, 4), "p is 1 and k is 4; expected at least 2 of each"),
        (lambda: PKBatchSampler(PIDS, 3, 2), "2 identities for batches of p = 3; expected at least 3"),
        (lambda: PKBatchSampler(PIDS[:, None], 2, 2), "pids have shape (4, 1); expected (n,)"),
        (lambda: PKBatchSampler(PIDS, 2, 2).set_epoch(-1), "epoch is -1; expected 0 or more"),
        (lambda: PKBatchSampler(PIDS, 2, 2, seed=-1), "seed is -1; expected 0 or more"),
        (lambda: PKBatchSampler(PIDS, 2, 2, seed=2**63), f"seed is {2**63}; expected 0 or more"),
        (lambda: PKBatchSampler([1, np.nan, np.nan], 2, 2), "pids: that of image 1 is missing"),
    ],
    "triplet_loss": [
        (lambda: triplet_loss(POINTS, PEOPLE[:3]), "pids have shape (3,); expected (4,)"),
        (lambda: triplet_loss(POINTS[0], PEOPLE), "embeddings have shape (3,); expected (n, d)"),
        (lambda: triplet_loss(POINTS, PEOPLE, -0.1), "margin is -0.1; expected 0 or more"),
        (lambda: triplet_loss(POINTS, PEOPLE, np.inf), "margin is inf; expected 0 or more"),
        (lambda: triplet_loss(POINTS, PEOPLE, np.nan), "margin is nan; expected 0 or more"),
        (lambda: triplet_loss(POINTS, PEOPLE, mining="easy"), "mining 'easy' is unknown; expected"),
        (lambda: triplet_loss(POINTS, torch.ones(4)), "no valid triplet among 4 images of 1 identities"),
    ],
    "UncertaintyWeighting": [
        (lambda: UncertaintyWeighting("gal"), "form 'gal' is unknown; expected"),
        (
            lambda: UncertaintyWeighting()(torch.ones(2), torch.ones(())),
            "loss_ar has shape (2,); expected a single number",
        ),
    ],
    "build_model": [
        (lambda: build_model("vgg"), "model 'vgg' is unknown; expected"),
        (lambda: build_model(tasks="none"), "tasks 'none' is unknown; expected"),
        (lambda: build_model(dim=0), "dim is 0; expected 1 or more"),
        (lambda: build_model("convhead", layer="layer9"), "layer9"),
        (lambda: build_model(identities=-1), "identities is -1; expected 0 or more"),
        (lambda: build_model(size=(0, 0)), "size is (0, 0); expected (height, width), each from 1 to 4096"),
        (lambda: build_model(size=(-64, 32)), "size is (-64, 32); expected (height, width)"),
        (lambda: build_model(size=(64,)), "size is (64,); expected (height, width)"),
        (lambda: build_model(size=(128, 4097)), "size is (128, 4097); expected (height, width)"),
        (
            lambda: build_model(**SMALL).predict(np.zeros((2, 8, 8, 3), np.uint8)),
            "images are 8×8 pixels",
        ),
        (lambda: build_model(**SMALL).predict(IMAGES[:0]), "no image to look at; expected at least one"),
        (lambda: build_model(**SMALL).predict([]), "no image to read; expected at least one"),
        (lambda: build_model(**SMALL).predict(IMAGES, batch=0), "batch is 0; expected 1 or more"),
        (lambda: build_model(**SMALL).predict(IMAGES, batch=-1), "batch is -1; expected 1 or more"),
    ],
    "load_model": [(lambda: load_model(NOWHERE), "no-such-place")],
    "train": [
        (lambda: train(NOWHERE, NOWHERE / "run"), "no-such-place"),
        (lambda: train(STRANGERS, NOWHERE / "run", speed=3), "option 'speed' is unknown; expected one of"),
    ],
}

CASES = numbered(DOORS)


@pytest.mark.parametrize(("call", "said"), CASES.values(), ids=CASES)
def test_wrong_values_are_refused_in_one_line(call, said):
    check_refusal(call, said)


@pytest.mark.parametrize("mining", ["all", "hard", "semihard"])
@pytest.mark.parametrize("lost", range(4))
def test_an_embedding_that_is_not_a_number_shows_in_the_loss(mining: str, lost: int):
    points = torch.randn(4, 3).index_fill(0, torch.tensor([lost]), torch.nan)
    loss = triplet_loss(points, PEOPLE, mining=mining)
    assert loss.isnan() and UncertaintyWeighting()(torch.ones(()), loss).isnan()


def test_every_promised_name_has_its_cases():
    promised = """resnet_backbone DenseHeads ConvHeads EmbeddingHead SelfAttentionHeads PKBatchSampler
        triplet_loss UncertaintyWeighting build_model load_model train"""
    assert set(promised.split()) == set(DOORS)
