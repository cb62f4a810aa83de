"""Data of one's own, for the tests of it: small data sets in every shape, and what commands say of them."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from reid_course.cli.main import main
from reid_course.data import ANNOTATION_COLUMNS, Dataset
from reid_course.errors import ReidError
from reid_course.training import Run, train

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs links of POSIX systems")


PIDS = range(1, 13)  # twelve people; six to train on, six to search for


QUICK_FLAGS = [
    "--weights",
    "none",
    "--size",
    "32",
    "16",
    "--strides",
    "imagenet",
    "--epochs",
    "1",
    "--p",
    "2",
    "--k",
    "2",
]
QUICK = {
    "weights": None,
    "size": (32, 16),
    "strides": "imagenet",
    "epochs": 1,
    "p": 2,
    "k": 2,
    "device": "cpu",
}


def person(pid: int, image: int, size: tuple[int, int] = (16, 8)) -> Image.Image:
    "Another picture of each person each time."
    rng = np.random.default_rng((pid + 1, image))
    ground = np.full((*size, 3), (20 * pid + 20, 255 - 20 * pid, 100), int)
    return Image.fromarray((ground + rng.integers(-15, 16, ground.shape)).clip(0, 255).astype(np.uint8))


def write(image: Image.Image, path: Path, **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **how)
    return path


def folders(root: Path, people: int = 12, images: int = 3, kind: str = ".png") -> Path:
    "A sub-folder a person: p0001/1_c1_.png."
    for pid, i in itertools.product(range(1, people + 1), range(images)):
        write(person(pid, i), root / f"p{pid:04d}" / f"{i}_c{i + 1}_{kind}")
    return root


def official(root: Path, name: str = "{pid:04d}_c{cam}s1_{i:06d}_00.png") -> Path:
    "The official layout with six people to train on and six to search for, at two cameras; 0000 and -1 in the gallery."
    for pid, cam in itertools.product(PIDS, (1, 2)):
        parts = ("bounding_box_train",) if pid < 7 else ("bounding_box_test", *["query"] * (cam == 1))
        for i, part in enumerate(parts):
            write(person(pid, cam + 5 * i), root / part / name.format(pid=pid, cam=cam, i=10 * cam + i))
    write(person(0, 0), root / "bounding_box_test" / name.format(pid=0, cam=1, i=90))
    junk = name.replace("{pid:05d}", "{pid:04d}").replace("{pid:04d}", "-1").format(cam=2, i=91)
    write(person(10, 9), root / "bounding_box_test" / junk)
    return root


def attribute_file(file: Path) -> Path:
    "Market-1501's file for the twelve people: everybody is a man with a hat."
    file.parent.mkdir(parents=True, exist_ok=True)
    halves = {}
    for half, pids in (("train", range(1, 7)), ("test", range(7, 13))):
        columns = {column: np.ones(6) for column in ANNOTATION_COLUMNS} | {"hat": np.full(6, 2.0)}
        halves[half] = columns | {"image_index": np.array([f"{pid:04d}" for pid in pids], object)}
    savemat(file, {"market_attribute": halves})
    return file


def counts(data: Dataset) -> tuple[int, ...]:
    return tuple(len(frame) for frame in data.tables.values())


def said(capsys: pytest.CaptureFixture, *words: object) -> list[str]:
    "The lines of a command that works."
    code = main([*map(str, words)])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out.splitlines()


def refused(call: Callable[[], object], said: str) -> str:
    "One line that says why."
    with pytest.raises(ReidError) as caught:
        call()
    line = str(caught.value)
    assert said in line and "\n" not in line, line
    return line


@pytest.fixture(scope="module")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    "Folders, and a run on them."
    root = folders(tmp_path_factory.mktemp("own") / "folders", 8)
    (root / "attributes.csv").write_text(
        "id,gender,shoes\n"
        + "".join(f"p{i:04d},{'fe' * (i % 2)}male,{'boots' if i < 5 else 'clogs'}\n" for i in range(1, 9))
    )
    return root, train(root, root.parent / "run", **QUICK)


NAMES = {
    "DukeMTMC": "{pid:04d}_c{cam}_f{i:07d}.png",
    "VeRi": "{pid:04d}_c{cam:03d}_{i:08d}_0.png",
    "CUHK03-NP": "{pid:04d}_c{cam}_{i}.png",
    "MSMT17": "{pid:04d}_c{cam}_0303morning_{i:04d}.png",
    "ten cameras": "{pid:04d}_c1{cam}s1_{i:06d}_00.png",
    "five digits": "{pid:05d}_c{cam}s1_{i:06d}_00.png",
}


SLIPS = {
    "case": ("id,hat\np0001,Yes\np0002,no\n", "line 2: hat is 'Yes', but 'yes' elsewhere"),
    "case of an own word": ("id,x\np0001,ab\np0002,Ab\n", "line 3: x is 'Ab', but 'ab' elsewhere"),
    "space": ("id,x\np0001,ab \np0002,c\n", "line 2: x is 'ab '; expected no space"),
    "two spaces": ("id,x\np0001,a  b\np0002,c\n", "line 2: x is 'a  b'; expected no space"),
    "letter": ("id,gender\np0001,femal\np0002,male\n", "line 2: gender is 'femal'; expected male, female"),
    "not known": ("id,x\np0001,NA\np0002,b\n", "line 2: x is 'NA'; expected an empty cell"),
    "several": ('id,x\np0001,"red, blue"\np0002,b\n', "line 2: x is 'red, blue'; expected one word"),
    "twice": ("id,x\np0001,a\np0001,b\n", "line 3: 'p0001' comes twice"),
    "nobody": ("id,x\np0099,a\np0001,b\n", "line 2: 'p0099' is nobody"),
    "semicolons": ("id;x\np0001;a\n", "column 1 is called 'id;x'; expected a name without"),
    "an index": (",id,x\n0,p0001,a\n", "column 1 has no name; expected id or path"),
    "two columns": ("id,x,X\np0001,a,b\n", "column 3 is called 'X', as one before it"),
    "a short row": ("id,x,y\np0001,a\n", "line 2: 2 cells; expected 3"),
    "no key": ("x,y\na,b\n", "column 'id' is missing"),
    "remarks": (
        "id,x\n" + "".join(f"p{i:04d},says {i}\n" for i in range(1, 13)),
        "12 different values in 12 rows",
    ),
    "reserved": ("id,embedding\np0001,a\n", "has a meaning of its own here"),
    "camera": ("id,camera,x\np0001,1,a\n", "column 'camid' beside 'id'"),
}


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    return [write(person(i // 2 + 1, i), tmp_path / "images" / f"{i}.png") for i in range(8)]
