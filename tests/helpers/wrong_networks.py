"""Wrong answers to exercises of lessons 03 and 04, by the mistake in them."""

from collections.abc import Callable

import numpy as np
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


NETWORK_WRONG: dict[str, list[tuple[Callable, str]]] = {
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
