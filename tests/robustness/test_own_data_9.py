"""Data of one's own: weights as other projects save them, 16-bit pictures, and the first line of `data check`."""

import argparse
import itertools
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from owned import QUICK_FLAGS, folders, official, person, refused, said, write
from PIL import Image
from support import failed
from torch import Tensor

from reid_course.backbone import resnet_backbone
from reid_course.data import load_dataset
from reid_course.engine.decode import read_image

# Weights as other projects save them


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    "Of a ResNet-18, under the names of a project that trains on several devices."
    torch.manual_seed(9)
    return {f"module.{name}": x for name, x in resnet_backbone().state_dict().items()}


def saved(content: object, file: Path, packed: bool = True) -> Path:
    torch.save(content, file, _use_new_zipfile_serialization=packed)
    return file


def taken(file: Path, weights: dict[str, Tensor]) -> bool:
    found = resnet_backbone(weights=file).state_dict()
    return all(torch.equal(x, weights[f"module.{name}"]) for name, x in found.items())


class Trap:
    "Writes a file when it is unpickled."

    def __init__(self, file: Path):
        self.file = file

    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.mkdir, (str(self.file),)


@pytest.mark.parametrize("packed", (True, False))
@pytest.mark.parametrize(
    ("other", "name"),
    [
        (np.float64(0.93), "multiarray.scalar"),
        (np.arange(3), "multiarray._reconstruct"),
        (argparse.Namespace(lr=0.1), "argparse.Namespace"),
    ],
)
def test_other_objects_beside_weights_are_told(
    other: object, name: str, packed: bool, weights: dict[str, Tensor], tmp_path: Path
):
    file = saved({"state_dict": weights, "rank1": other}, tmp_path / "model.pth.tar-60", packed)
    line = refused(lambda: resnet_backbone(weights=file), "it holds other objects than tensors (")
    assert name in line and "model.pth.tar-60" in line and "weights_only=True" in line
    assert 'torch.save(checkpoint["state_dict"]' in line and "not a readable" not in line
    loaded = torch.load(file, weights_only=False)  # the test's own file, as its owner would
    assert taken(saved(loaded["state_dict"], tmp_path / "weights.pth"), weights)


def test_other_objects_are_never_made(weights: dict[str, Tensor], tmp_path: Path):
    trap = tmp_path / "sprung"
    file = saved({"state_dict": weights, "more": Trap(trap)}, tmp_path / "trap.pth")
    refused(lambda: resnet_backbone(weights=file), "it holds other objects than tensors (")
    assert not trap.exists()


@pytest.mark.parametrize("length", (0, 11, 3000))
def test_damaged_weights_are_told_as_before(length: int, weights: dict[str, Tensor], tmp_path: Path):
    file = saved({"state_dict": weights}, tmp_path / "cut.pth")
    file.write_bytes(file.read_bytes()[:length])
    refused(lambda: resnet_backbone(weights=file), "cut.pth: not a readable weights file; expected")


def test_other_objects_through_the_command(tmp_path: Path, capsys: pytest.CaptureFixture):
    root = folders(tmp_path / "set", 6)
    file = saved({"args": argparse.Namespace(lr=0.1)}, tmp_path / "other.pth")
    line = failed(
        capsys, "train", "--data", root, "--out", tmp_path / "run", *QUICK_FLAGS[2:], "--weights", file
    )
    assert "it holds other objects than tensors (argparse.Namespace)" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("key", ("params", "model_ema", "state_dict", "model", "net", "network", "0"))
def test_one_table_is_taken_under_whatever_key(key: str, weights: dict[str, Tensor], tmp_path: Path):
    optimizer = {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}
    more = {"epoch": 3, "optimizer": optimizer, "memory": {"features": torch.ones(2)}, "mean": torch.ones(3)}
    assert taken(saved({key: weights}, tmp_path / "alone.pth"), weights)
    assert taken(saved(more | {key: weights}, tmp_path / "beside.pth"), weights)


@pytest.mark.parametrize("keys", (("params", "params_ema"), ("model", "model_ema"), ("student", "teacher")))
def test_several_tables_are_named(keys: tuple[str, str], weights: dict[str, Tensor], tmp_path: Path):
    file = saved(dict.fromkeys(keys, weights), tmp_path / "several.pth")
    line = refused(lambda: resnet_backbone(weights=file), "several.pth holds 2 tables of weights, ")
    assert f"'{keys[0]}', '{keys[1]}'; expected one: save that one alone" in line
    assert taken(saved({keys[0]: {"w": torch.ones(2)}} | weights, tmp_path / "bare.pth"), weights)


def test_a_table_that_fits_nothing_is_told_by_its_names(tmp_path: Path):
    file = saved({"params": {"encoder.weight": torch.ones(2)}}, tmp_path / "vit.pth")
    line = refused(lambda: resnet_backbone(weights=file), "'conv1.weight' is missing, and it holds encoder")
    assert "expected ResNet-18 weights" in line
    refused(lambda: resnet_backbone(weights=saved({"epoch": 3}, tmp_path / "none.pth")), "holds no weights")


# Pictures of 16 bits

DEEP = np.array([[0, 100, 257 * 40, 257 * 40 + 1], [65535, 257 * 200, 1000, 128]], np.uint16)
SHOWN = np.array([[0, 0, 40, 40], [255, 200, 4, 0]], np.uint8)  # DEEP in eight bits
MIN_IS_WHITE = {262: 0}  # PhotometricInterpretation


@pytest.mark.parametrize("how", (None, "tiff_lzw", "tiff_adobe_deflate"))
@pytest.mark.parametrize("turn", (1, 3))
def test_white_is_zero_in_a_deep_tiff(how: str | None, turn: int, tmp_path: Path):
    image = Image.fromarray(DEEP if turn == 1 else DEEP[::-1, ::-1].copy())
    for tags, expected in ((MIN_IS_WHITE, 255 - SHOWN), ({262: 1}, SHOWN)):
        file = write(image, tmp_path / "x.tif", tiffinfo=tags | {274: turn}, compression=how)
        assert read_image(file).tolist() == np.stack([expected] * 3, 2).tolist()


def test_white_is_zero_at_every_depth_alike(tmp_path: Path):
    grey = person(1, 1).convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    files = [write(x, tmp_path / f"{x.mode[0]}.tif", tiffinfo=MIN_IS_WHITE) for x in (grey, deep)]
    assert Image.open(files[1]).tag_v2[262] == 0
    assert np.array_equal(read_image(files[1]), 255 - np.stack([np.asarray(grey)] * 3, 2))


def png(colour: int, pixels: np.ndarray, clear: tuple[int, ...]) -> bytes:
    "A PNG of 16 bits a channel with a tRNS chunk."

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = {b"IHDR": head, b"tRNS": struct.pack(f">{len(clear)}H", *clear), b"IDAT": zlib.compress(rows)}
    return b"\x89PNG\r\n\x1a\n" + b"".join(itertools.starmap(chunk, (parts | {b"IEND": b""}).items()))


@pytest.mark.parametrize("clear", (0, 257 * 40, 65535, 7))
def test_clear_pixels_of_a_deep_grey_png_are_white(clear: int, tmp_path: Path):
    (tmp_path / "x.png").write_bytes(png(0, DEEP, (clear,)))
    expected = np.where(clear == DEEP, 255, SHOWN)  # 257 * 40 + 1 is another value, though as bright
    assert read_image(tmp_path / "x.png").tolist() == np.stack([expected] * 3, 2).tolist()


@pytest.mark.parametrize("clear", (0, 1000, 257 * 40))
def test_clear_pixels_of_a_deep_coloured_png_are_white(clear: int, tmp_path: Path):
    colours = np.full((2, 2, 3), 60000, np.uint16)
    colours[0, 0], colours[1, 1] = clear, (60000, 0, 60000)
    (tmp_path / "x.png").write_bytes(png(2, colours, (clear,) * 3))
    image = read_image(tmp_path / "x.png")
    assert image[0, 0].tolist() == [255] * 3 and image[1, 1].tolist() == [234, 0, 234]
    assert image[0, 1].tolist() == [234] * 3


# The first line of `data check`


def test_a_check_says_first_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture):
    for root in (official(tmp_path / "official"), folders(tmp_path / "folders", 4)):
        lines = said(capsys, "data", "check", root)
        assert lines[0] == load_dataset(root).summary and lines[-1].endswith("every image can be read")


def test_a_check_with_issues_says_first_what_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture):
    root = folders(tmp_path / "set", 4)
    min(root.rglob("*.png")).write_bytes(b"no picture")
    lines = said(capsys, "data", "check", root, "--write-skip-list", tmp_path / "skip.csv")
    assert lines[0].startswith("folder layout: 11 train images; 4 people")
    assert lines[1].startswith("image: ")
