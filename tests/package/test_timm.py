"""Networks of timm as backbones: every kind of head learns on one, in both formats; skipped without timm."""

from pathlib import Path

import pytest
import torch

from reid_course.attention import SelfAttentionHeads
from reid_course.data import ATTRIBUTES
from reid_course.engine.timm import TimmBackbone, timm_backbone
from reid_course.errors import ReidError
from reid_course.heads import ConvHeads, DenseHeads, EmbeddingHead, attribute_loss
from reid_course.minimarket import make_minimarket
from reid_course.training import train
from reid_course.triplet import triplet_loss

pytest.importorskip("timm")
PIDS = torch.tensor([1, 1, 2, 2])


@pytest.fixture
def backbone() -> TimmBackbone:
    torch.manual_seed(0)
    return timm_backbone("test_resnet")


@pytest.mark.parametrize("kind", ["dense", "convolutional", "attention"])
@pytest.mark.parametrize("short", [False, True], ids=["float32", "bfloat16"])
def test_heads_learn_on_it(backbone: TimmBackbone, kind: str, short: bool):
    channels = backbone.channels["layer3"]
    heads = {
        "dense": lambda: DenseHeads(backbone.width),
        "convolutional": lambda: ConvHeads(channels),
        "attention": lambda: SelfAttentionHeads(channels, backbone.width),
    }[kind]()
    with torch.autocast("cpu", torch.bfloat16, enabled=short):
        # layer 4 goes from 4×2 to 2×1, where PyTorch's own bfloat16 reads memory that nobody set
        blocks = [torch.full((n,), torch.nan).bfloat16() for n in (1_000, 16_000, 256_000) for _ in range(40)]
        del blocks
        features = backbone(torch.randn(4, 3, 64, 32))
        logits, embeddings = heads(features), EmbeddingHead(backbone.width)(features)
    targets = torch.zeros(4, len(ATTRIBUTES), dtype=torch.int64)
    (attribute_loss(logits, targets) + triplet_loss(embeddings, PIDS)).backward()
    gradients = [p.grad for p in backbone.parameters()]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    assert any(g.abs().max() > 0 for g in gradients)


def test_weights_travel(backbone: TimmBackbone):
    other = timm_backbone("test_resnet")
    images = torch.randn(2, 3, 64, 32)
    assert not torch.equal(other.eval()(images)["v"], backbone.eval()(images)["v"])
    other.load_state_dict(backbone.state_dict())
    assert torch.equal(other(images)["v"], backbone(images)["v"])


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("no_such_net", {}, "timm cannot make 'no_such_net'"),
        ("test_resnet", {"no_such_option": 1}, "no_such_option"),
        ("test_vit", {}, "gives 3 maps; expected 4 or more"),
    ],
)
def test_what_cannot_be_made(name: str, options: dict, said: str):
    with pytest.raises(ReidError, match=said):
        timm_backbone(name, **options)


def test_channels_behind_the_pixels():
    backbone = timm_backbone("swin_tiny_patch4_window7_224", img_size=(64, 32))
    features = backbone(torch.zeros(1, 3, 64, 32))
    assert {name: features[name].shape[1] for name in backbone.channels} == backbone.channels
    assert features["v"].shape == (1, backbone.width)


def test_it_is_trained_and_found_again(backbone: TimmBackbone, tmp_path: Path):
    data = make_minimarket(tmp_path / "data", 8, (64, 32), images_per_identity=4)
    small: dict = {"size": (64, 32), "weights": None, "p": 3, "k": 2, "device": "cpu"}
    run = train(data, tmp_path / "run", epochs=1, backbone=lambda: timm_backbone("test_resnet"), **small)
    found = run.model(backbone=backbone).predict(run.held_out(data).path.tolist())
    assert found.embeddings.shape == (len(run.held_out(data)), 256)
