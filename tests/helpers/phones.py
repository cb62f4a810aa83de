"""Photos as people have them on a phone: large scenes that lie, loosely around a person, with the names of phones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from reid_course.minimarket.body import random_shots
from reid_course.minimarket.cameras import render
from reid_course.minimarket.people import make_people

WHO = (
    *("Anna B.", "ben", "Zoë", "grandma (left)", "李雷", "person #7"),
    *("O'Neil", "x_y-z", "Дарья", "7", "two  words", "Mr. K"),
)
CALLED = (
    "IMG_{n}.JPG",
    "IMG_{n} (1).jpg",
    "WhatsApp Image 2026-05-{day} at 10.11.12.jpeg",
    "PXL_20260501_{n}~2.jpg",
    "Foto – {n}.JPEG",
)
TURNED = {  # EXIF orientation -> how the sensor had it
    1: None,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def phone_folder(
    root: Path,  # the folder to make
    height: int,  # of a photo, held upright; 6000 as phones have them; two thirds of it wide
    people: int = 12,
    images: int = 5,  # of each
) -> Path:  # root
    "A folder a person, a few photos in each."
    rng = np.random.default_rng(5)
    drawn = make_people(rng, [images] * people, alike=0.0)
    for number, (who, person) in enumerate(zip(WHO, drawn, strict=False)):
        (root / who).mkdir(parents=True)
        for i, shot in enumerate(random_shots(rng, images)):
            loose = (rng.normal(0, 6), rng.normal(0, 8), rng.uniform(1.1, 1.5))
            seen = render(person, replace(shot, box=loose, occluder=""), (240, 160))
            photo = seen.resize((height * 2 // 3, height), Image.Resampling.BICUBIC)
            exif, orientation = Image.Exif(), list(TURNED)[(number + i) % 4]
            exif[0x0112] = orientation
            turn = TURNED[orientation]
            lying = photo if turn is None else photo.transpose(turn)
            name = CALLED[i % len(CALLED)].format(n=2000 + 31 * number + i, day=f"{number + 1:02d}")
            lying.save(root / who / name, exif=exif, quality=88)
    return root
