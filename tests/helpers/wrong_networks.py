"""Wrong answers to exercises of lessons 03 and 04, by the mistake in them."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn


def restrided(change: Callable) -> Callable:
    "Lesson 04's change of strides, done another way."

    def restride(network, conv1, pool):
        network.conv1.stride, network.maxpool.stride = conv1, pool
        return change(network, conv1, pool)

    return restride


def renewed(network, conv1, pool):
    network.conv1 = nn.Conv2d(3, 64, 7, conv1, 3, bias=False)
    return network


def flattened(network, conv1, pool):
    network.layer4[0].conv1.stride = network.layer4[0].downsample[0].stride = (1, 1)
    return network


def fixed(network, conv1, pool):
    network.conv1.stride, network.maxpool.stride = (2, 1), (1, 1)
    return network


def shifted(clip: bool = True, first: bool = False, own: bool = True) -> Callable:
    "Lesson 03's flip and shift that wraps around, shifts before it mirrors, or moves all images alike."

    def moved(images, mirrored, dy, dx):
        n, h, w, _ = images.shape
        dy, dx, flip = (v if own else v[:1].expand(n) for v in (dy, dx, mirrored))
        bound = (lambda v, most: v.clamp(0, most)) if clip else (lambda v, most: v % (most + 1))
        ys, x = bound(torch.arange(h) + dy[:, None], h - 1), torch.arange(w).expand(n, w)
        if first:
            x = bound(x + dx[:, None], w - 1)
        x = torch.where(flip[:, None], w - 1 - x, x)
        xs = x if first else bound(x + dx[:, None], w - 1)
        return images[torch.arange(n)[:, None, None], ys[:, :, None], xs[:, None]]

    return moved


def scaled(images, by: float = 255.0, channels: Callable = lambda x: x.permute(0, 3, 1, 2)):
    "Lesson 03's input, scaled or ordered in another way."
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return (channels(images.float()) / by - mean) / std


def blended(image, y, x, swap: bool = False, clip: bool = True, step: int = 1):
    "Lesson 03's bilinear value with weights swapped, no border, or the nearest pixel."
    h, w = image.shape
    y, x = (y.clamp(0, h - 1), x.clamp(0, w - 1)) if clip else (y, x)
    i, j = y.floor().long(), x.floor().long()
    a, b = (y - i, x - j) if not swap else (x - j, y - i)
    m, n = (i + step) % h, (j + step) % w
    i, j = i % h, j % w
    return (1 - a) * ((1 - b) * image[i, j] + b * image[i, n]) + a * ((1 - b) * image[m, j] + b * image[m, n])


NETWORK_WRONG: dict[str, list[tuple[Callable, str]]] = {
    "03.1": [
        (shifted(clip=False), "clip"),
        (shifted(first=True), "after mirroring"),
        (shifted(own=False), "its own mirrored"),
        (lambda images, mirrored, dy, dx: shifted()(images, mirrored, dy, dx).float(), "as bytes"),
    ],
    "03.2": [
        (lambda x: scaled(x, channels=lambda v: v.reshape(len(v), 3, *v.shape[1:3])), "moves no axis"),
        (lambda x: scaled(x, by=1.0), "255 is 1 after scaling"),
        (lambda x: scaled(x, channels=lambda v: v.permute(0, 3, 2, 1)), "expected (1, 3, 4, 2)"),
    ],
    "03.3": [
        (lambda image, y, x: blended(image, y.round(), x.round()), "a quarter of the way"),
        (lambda image, y, x: blended(image, y, x, swap=True), "a quarter of the way"),
        (lambda image, y, x: blended(image, y, x, clip=False), "the border repeats"),
        (lambda image, y, x: blended(image, y, x)[:1], "random positions"),
    ],
    "03.4": [
        (lambda shifts, draws: 2 * (2 * shifts + 1) ** 2, "one draw"),
        (lambda shifts, draws: min(draws, 2 * (2 * shifts + 1) ** 2), "half of the time"),
        (lambda s, draws: (n := 2 * (s + 1) ** 2) * (1 - (1 - 1 / n) ** draws), "18 versions"),
        (lambda s, draws: (n := 2 * (2 * s) ** 2 + 2) * (1 - (1 - 1 / n) ** draws), "18 versions"),
    ],
    "04.1": [
        (restrided(lambda network, conv1, pool: None), "and return it"),
        (restrided(renewed), "has new weights"),
        (restrided(flattened), "still halve"),
        (restrided(fixed), "use both arguments"),
    ],
    "04.2": [
        (lambda maps, p: maps.clamp(min=1e-6).pow(p).mean((1, 2, 3)).pow(1 / p), "one number a map"),
        (lambda maps, p: maps.clamp(min=1e-6).pow(p).mean((2, 3)), "gives 3 for every p"),
        (lambda maps, p: maps.mean((2, 3)), "its third root"),
        (lambda maps, p: maps.pow(p).mean((2, 3)).pow(1 / p), "below 1e-6"),
    ],
    "04.3": [
        (lambda layers: sum(k for k, _ in layers), "its size minus 1"),
        (lambda layers: 1 + sum(k - 1 for k, _ in layers), "two input pixels wide"),
        (
            lambda layers: (
                1 + sum((k - 1) * np.prod([s for _, s in layers[: i + 1]]) for i, (k, _) in enumerate(layers))
            ),
            "its own kernel",
        ),
    ],
}
