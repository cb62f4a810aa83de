"""Every promised name refuses what it cannot use, at its door: one line with the values, in the caller's words."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from reid_course.attention import SelfAttentionHeads
from reid_course.backbone import resnet_backbone
from reid_course.data import ATTRIBUTES, Dataset, load_dataset
from reid_course.errors import ReidError
from reid_course.heads import ConvHeads, DenseHeads, EmbeddingHead
from reid_course.metrics import attribute_accuracy, evaluate_embeddings, evaluate_retrieval, re_rank
from reid_course.minimarket import make_minimarket
from reid_course.model import build_model, load_model
from reid_course.retrieval import Gallery
from reid_course.sampling import PKBatchSampler
from reid_course.split import most_frequent_class_accuracy, split_identities
from reid_course.submission import validate_submission, write_submission
from reid_course.training import train
from reid_course.triplet import triplet_loss
from reid_course.uncertainty import UncertaintyWeighting

NAMES = [a.name for a in ATTRIBUTES]

NOWHERE = Path("no-such-place")
POINTS, PEOPLE = torch.randn(4, 3), torch.tensor([1, 1, 2, 2])
FOUR, PIDS = np.random.default_rng(0).random((4, 3)), np.array([1, 1, 2, 2])
FRAME = pd.DataFrame({"path": ["a", "b"], "pid": [1, 2]} | {name: [0, 0] for name in NAMES})
MAPS = {"v": torch.zeros(2, 512), "layer3": torch.zeros(2, 256, 8, 4)}
STRANGERS = Dataset(NOWHERE, "folder", FRAME, FRAME[:0], FRAME[:0])
SMALL = {"size": (64, 32), "strides": "imagenet"}
IMAGES = np.zeros((2, 64, 32, 3), np.uint8)

Wrong = tuple[Callable[[], object], str]
DOORS: dict[str, list[Wrong]] = {
    "load_dataset": [(lambda: load_dataset(NOWHERE), "no-such-place")],
    "make_minimarket": [
        (lambda: make_minimarket(NOWHERE, 1), "n_identities is 1; expected 2 to 4999"),
        (lambda: make_minimarket(NOWHERE, 4, size=(4, 2)), "size is (4, 2); expected (height, width)"),
        (lambda: make_minimarket(NOWHERE, 4, layout="new"), "layout 'new' is unknown; expected one of"),
    ],
    "split_identities": [
        (lambda: split_identities(FRAME, 1.0), "valid is 1.0; expected a share"),
        (lambda: split_identities(FRAME, 0.5), "2 identities, 1 of them held out; expected at least 2"),
        (lambda: split_identities(FRAME.drop(columns="pid")), "no column 'pid'; expected"),
        (lambda: split_identities(FRAME, seed=-1), "seed is -1; expected 0 or more"),
        (lambda: split_identities(FRAME, seed=2**63), f"seed is {2**63}; expected 0 or more"),
    ],
    "most_frequent_class_accuracy": [
        (
            lambda: most_frequent_class_accuracy(FRAME.drop(columns="hat"), FRAME),
            "no column 'hat'; expected",
        ),
        (
            lambda: most_frequent_class_accuracy(FRAME, FRAME.drop(columns="age")),
            "no column 'age'; expected",
        ),
        (
            lambda: most_frequent_class_accuracy(FRAME.assign(hat=-2), FRAME),
            "hat of row 0 is -2; expected a class number from 0 to 1, or -1",
        ),
        (
            lambda: most_frequent_class_accuracy(FRAME.assign(hat="no"), FRAME),
            "the training's table: hat of row 0 is 'no'; expected a class number from 0 to 1",
        ),
        (
            lambda: most_frequent_class_accuracy(FRAME, FRAME.assign(age=[0, 99])),
            "age of row 1 is 99; expected a class number from 0 to 3",
        ),
    ],
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
    "attribute_accuracy": [
        (
            lambda: attribute_accuracy(np.zeros((2, 12), int), np.zeros((3, 12), int)),
            "2 predictions for 3 targets",
        ),
        (lambda: attribute_accuracy(np.zeros((2, 11), int), np.zeros((2, 11), int)), "(2, 11)"),
        (lambda: attribute_accuracy(np.full((2, 12), 99), np.zeros((2, 12), int)), "99"),
    ],
    "evaluate_retrieval": [
        (lambda: evaluate_retrieval(FOUR, PIDS, PIDS), "(4, 3)"),
        (lambda: evaluate_retrieval(np.full((4, 4), np.nan), PIDS, PIDS), "nan"),
        (lambda: evaluate_retrieval(np.ones((4, 4)), PIDS - 1, PIDS), "0"),
        (lambda: evaluate_retrieval(np.ones((4, 4)), PIDS, PIDS, max_rank=0), "max_rank is 0; expected 1"),
        (lambda: evaluate_retrieval(np.ones((4, 4)), PIDS, PIDS + 2), "none of the 4 queries has a match"),
    ],
    "evaluate_embeddings": [
        (lambda: evaluate_embeddings(FOUR, FOUR[:, :2], PIDS, PIDS), "(4, 3)"),
        (lambda: evaluate_embeddings(FOUR * np.inf, FOUR, PIDS, PIDS), "look for a diverged training"),
        (lambda: evaluate_embeddings(FOUR, FOUR, PIDS[:3], PIDS), "3"),
    ],
    "re_rank": [
        (lambda: re_rank(FOUR, FOUR[:, :2]), "(4, 3)"),
        (lambda: re_rank(FOUR, FOUR, k1=0), "k1 is 0"),
        (lambda: re_rank(FOUR, FOUR, lam=2.0), "lam is 2.0; expected a number from 0 to 1"),
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
    "Gallery": [
        (lambda: Gallery(NOWHERE), "no-such-place"),
        (lambda: Gallery().search(FOUR[0]), "the gallery is empty"),
        (lambda: filled().search(FOUR[0, :2]), "the query has shape (2,); expected (3,)"),
        (lambda: filled().search(FOUR[0], top=0), "top is 0; expected at least 1"),
        (lambda: filled().search(FOUR[0], top=1.5), "top is 1.5; expected at least 1, whole"),
        (lambda: filled().search([1, [2]]), "the query is no array of numbers ("),
        (lambda: filled().search([1, 2]), "the query has shape (2,); expected (3,)"),
        (lambda: filled().search(FOUR[0] * np.nan), "the query is not finite"),
        (lambda: filled().search(where={"hat": "blue"}), "hat cannot be 'blue'; expected no, yes"),
        (lambda: filled().search(where={"hat": 5}), "hat cannot be 5; expected no, yes"),
        (lambda: filled().search(where=["hat"]), "the conditions are a list; expected a dict from"),
        (lambda: Gallery().add(FOUR, FRAME), "have 2 and 4 rows; expected the same"),
        (lambda: Gallery().add(FOUR[0], FRAME), "embeddings have shape (3,); expected (n, d)"),
        (lambda: Gallery().add([[1, 2], [3]], FRAME), "an embedding is no array of numbers ("),
        (lambda: Gallery().add(FOUR[:2] * np.nan, FRAME), "an embedding is not finite"),
        (lambda: Gallery().add(FOUR[:2], FRAME, {"hat": [[1, 0], [1]]}), "of hat is no array of numbers ("),
        (lambda: Gallery().add(FOUR[:2], FRAME, {"hat": 1}), "probabilities of 'hat' are no attribute's"),
        (lambda: Gallery().add(FOUR[:2], FRAME, {"hat": [[1.1, 0]] * 2}), "of hat is 1.1; expected 0 to 1"),
        (lambda: Gallery().add(FOUR[:2], FRAME, {"hat": [[-1, 2]] * 2}), "of hat is -1; expected 0"),
        (lambda: Gallery().add(FOUR[:2], FRAME, {"hat": [[np.nan, 1]] * 2}), "of hat is not finite"),
    ],
    "write_submission": [
        (lambda: written(top=0), "top is 0; expected 1 or more"),
        (lambda: written(threshold=-1), "threshold is -1; expected a junk score, 0 or more"),
        (lambda: written(threshold=0), str(NOWHERE)),  # a threshold of 0 is one; what is wrong comes later
        (lambda: written(threshold=np.nan), "threshold is nan; expected a junk score, 0 or more"),
    ],
    "validate_submission": [(lambda: validate_submission(NOWHERE, NOWHERE), "no-such-place")],
}


def filled() -> Gallery:
    "A gallery of two pictures."
    gallery = Gallery()
    gallery.add(FOUR[:2], FRAME, {a.name: np.full((2, len(a.classes)), 0.5) for a in ATTRIBUTES})
    return gallery


def written(**options: object) -> Path:
    "A submission of an untrained network on nothing."
    return write_submission(build_model(**SMALL), NOWHERE, NOWHERE, **options)


CASES = [(name, *case) for name, cases in DOORS.items() for case in cases]


@pytest.mark.parametrize(
    ("name", "call", "said"), CASES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(CASES)]
)
def test_wrong_values_are_refused_in_one_line(name, call, said):
    with pytest.raises(ReidError) as caught:
        call()
    message = str(caught.value)
    assert said in message and "\n" not in message and len(message) < 400, message
    assert not NOWHERE.exists()


@pytest.mark.parametrize("mining", ["all", "hard", "semihard"])
@pytest.mark.parametrize("lost", range(4))
def test_an_embedding_that_is_not_a_number_shows_in_the_loss(mining: str, lost: int):
    points = torch.randn(4, 3).index_fill(0, torch.tensor([lost]), torch.nan)
    loss = triplet_loss(points, PEOPLE, mining=mining)
    assert loss.isnan() and UncertaintyWeighting()(torch.ones(()), loss).isnan()


def test_every_promised_name_has_its_cases():
    promised = """load_dataset make_minimarket split_identities most_frequent_class_accuracy resnet_backbone DenseHeads
        ConvHeads EmbeddingHead SelfAttentionHeads PKBatchSampler triplet_loss UncertaintyWeighting attribute_accuracy
        evaluate_retrieval evaluate_embeddings re_rank build_model load_model train Gallery write_submission
        validate_submission"""
    assert set(promised.split()) == set(DOORS)
