"""The backbone in bfloat16 on small maps: near float32, whatever else is in the batch."""

import pytest
import torch

from reid_course.backbone import resnet_backbone


@pytest.mark.parametrize("depth, strides", [(18, "imagenet"), (50, "imagenet"), (18, "reid")])
def test_bfloat16_is_near_float32(depth, strides):
    torch.manual_seed(0)
    images, backbone = torch.randn(8, 3, 64, 32), resnet_backbone(depth, strides).eval()
    exact = backbone(images)["v"]
    with torch.autocast("cpu", torch.bfloat16):
        short, nothing = backbone(images)["v"].float(), backbone(images[:0])["v"]
        with torch.no_grad():
            answered, first = backbone(images)["v"].float(), backbone(images[:3])["v"].float()
    for rounded in (short, answered):
        assert (rounded - exact).abs().max() < 0.03 * exact.abs().max()
    assert torch.equal(first, answered[:3])  # whatever else is in the batch
    assert tuple(nothing.shape) == (0, backbone.width)
    last = backbone.layer4[-1].conv2.weight
    near, far = (torch.autograd.grad(v.square().sum(), last)[0] for v in (short, exact))
    assert (near - far).norm() < 0.05 * far.norm()
