"""Figures are described, and their colours differ for every eye."""

import colorsys
import re
from itertools import pairwise

import numpy as np
import pytest
from notebooks import SHOWING, code, draws, stem

from reid_course.engine.display import PALETTE

DRAWN = {"cameras", "people", "figure", "minimarket", "display"}  # whose subject is colour itself


@pytest.mark.parametrize("path", SHOWING, ids=stem)
def test_figures_are_described_and_take_their_colours_from_the_palette(path):
    for cell in code(path):
        if draws(cell):
            assert re.search(r'^#\| fig-alt: ".{40,}"$', cell.source, re.M), (
                f"{path.name}: {cell.source[:200]}"
            )
        if path.stem not in DRAWN:
            assert not re.search(
                r"""["']#[0-9a-fA-F]{6}["']|\b(?:color|c)=["'](?!none|white)""", cell.source
            ), cell.source


BLIND = {  # what each kind of eye makes of linear RGB (Machado et al. 2009, full severity)
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TOGETHER = [
    ("MFC", "ResNet", "ConvHead", "SA"),
    ("train", "valid"),
    ("right", "wrong"),
    ("plain", "wrong", "ink"),
    ("plain", "query", "ink"),
]


def lab(name: str, eye: str = "") -> np.ndarray:
    "A colour of the palette as an eye sees it, in CIELAB."
    rgb = np.array([int(PALETTE[name][i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    linear = np.clip(np.array(BLIND.get(eye, np.eye(3))) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ linear / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", ["", *BLIND])
@pytest.mark.parametrize("names", TOGETHER, ids="-".join)
def test_colours_used_together_differ_for_every_eye(names, eye):
    far = {(a, b): np.linalg.norm(lab(a, eye) - lab(b, eye)) for a in names for b in names if a < b}
    assert min(far.values()) >= 12, far


@pytest.mark.parametrize("names", TOGETHER[:2], ids="-".join)
def test_curves_differ_in_grey(names):
    light = sorted(lab(name)[0] for name in names)
    assert min(b - a for a, b in pairwise(light)) >= 8, light


def test_lab_is_right():
    assert colorsys.rgb_to_hls(0, 0, 0)[1] == 0
    assert np.allclose(lab("ink"), [21.2, 0, 0], atol=0.5)  # grey #333333
