"""Draw the two pictures of the front page, the network and a ranked list: python tools/front.py

Into nbs/images/, to be committed; about a minute. Both have no paper and no text outside their boxes, so that they
can be read on a light page and on a dark one, here and on a code host.
"""

import tempfile
from pathlib import Path

import numpy as np
from lessons import ROOT
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from reid_course.data import load_dataset
from reid_course.experiments import DEMO
from reid_course.metrics import evaluate_embeddings
from reid_course.minimarket import make_minimarket
from reid_course.model import load_model
from reid_course.training import train

IMAGES = ROOT / "nbs" / "images"
DEEP = {"right": "#00724F", "wrong": "#B34700", "query": "#005F96", "ink": "#4A4A4A", "SA": "#882255"}
QUICK = DEMO | {
    "epochs": 6,
    "p": 16,
    "k": 4,
    "strides": "imagenet",
    "valid": 0.0,
    "lr": 1e-3,
}  # as on the start page
SEEN, GAP = 7, 6  # pictures found; pixels between two

# the network, after the report's Figure 5: name -> (left, top, width, lines, colour)
BOXES = {
    "image": (0, 78, 92, ("picture", "3×128×64"), "ink"),
    "maps": (132, 78, 158, ("ResNet, layers 1–3", "256×16×8"), "query"),
    "v": (330, 138, 134, ("layer 4, pooled", "v: 512"), "query"),
    "heads": (510, 18, 156, ("12 attribute heads", "attention (SA)"), "SA"),
    "point": (510, 138, 156, ("embedding", "256"), "right"),
    "ar": (706, 18, 152, ("L_ar: mean of 12", "cross-entropies"), "SA"),
    "id": (706, 138, 152, ("L_id: triplets of", "P×K batches"), "right"),
    "total": (898, 78, 124, ("one loss,", "weights learned"), "ink"),
}
TALL = 54
ARROWS = (  # from, to; dashed: depends on the model
    ("image", "maps", ""),
    ("maps", "v", ""),
    ("maps", "heads", "ConvHead, SA"),
    ("v", "heads", "ResNet, SA"),
    ("v", "point", ""),
    ("heads", "ar", ""),
    ("point", "id", ""),
    ("ar", "total", ""),
    ("id", "total", ""),
)


def network() -> str:  # svg
    "The whole network as boxes and arrows."
    parts = []
    for start, end, note in ARROWS:
        x, y = BOXES[start][0] + BOXES[start][2], BOXES[start][1] + TALL / 2
        to_x, to_y = BOXES[end][0] - 6, BOXES[end][1] + TALL / 2
        path = f"M{x} {y} C{(x + to_x) / 2} {y} {(x + to_x) / 2} {to_y} {to_x} {to_y}"
        dashes = ' stroke-dasharray="6 4"' if note else ""
        parts.append(
            f'<path d="{path}" fill="none" stroke="#808080" stroke-width="2"{dashes} marker-end="url(#a)"/>'
        )
    for x, y, wide, lines, colour in BOXES.values():
        parts.append(f'<rect x="{x}" y="{y}" width="{wide}" height="{TALL}" rx="8" fill="{DEEP[colour]}"/>')
        for i, line in enumerate(lines):
            weight = ' font-weight="600"' if i == 0 else ""
            parts.append(f'<text x="{x + wide / 2}" y="{y + 23 + 19 * i}"{weight}>{line}</text>')
    head = (
        '<marker id="a" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="4" markerHeight="4" orient="auto">'
    )
    style = 'font-family="system-ui, sans-serif" font-size="13.5" fill="#fff" text-anchor="middle"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 10 1022 190" {style}>\n'
        f'<defs>{head}<path d="M0 0L8 4L0 8z" fill="#808080"/></marker></defs>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def framed(
    path: str,  # of a picture
    words: str,  # to stand below it
    colour: str,
) -> Image.Image:
    "A picture in a frame, with a bar below that says what it is."
    picture = Image.open(path).convert("RGB")
    frame = Image.new("RGB", (picture.width + 8, picture.height + 26), colour)
    frame.paste(picture, (4, 4))
    font = ImageFont.truetype(findfont("DejaVu Sans"), 12)
    ImageDraw.Draw(frame).text((frame.width / 2, picture.height + 15), words, "white", font, anchor="mm")
    return frame


def ranked_list() -> Image.Image:
    "A query and what a small network finds for it by other cameras. By AP it is the middle one of all queries."
    with tempfile.TemporaryDirectory() as scratch:
        data = load_dataset(make_minimarket(Path(scratch) / "data", 100, images_per_identity=10))
        run = train(data, Path(scratch) / "run", **QUICK)
        network = load_model(run / "last.safetensors")
        (_, asked), (_, points) = (network.predict(list(part.path)) for part in (data.query, data.gallery))
        who, by = (data.query.pid, data.gallery.pid), (data.query.camid, data.gallery.camid)
        query = int(np.argsort(evaluate_embeddings(asked, points, *who, *by).ap)[len(asked) // 2])
        one, others = data.query.iloc[query], data.gallery
        found = others.assign(distance=np.linalg.norm(points - asked[query], axis=1)).sort_values("distance")
        frames = [framed(one.path, "query", DEEP["query"])]
        for row in found[(found.pid != one.pid) | (found.camid != one.camid)].head(SEEN).itertuples():
            mark, colour = ("✓", "right") if row.pid == one.pid else ("✗", "wrong")
            frames.append(framed(row.path, f"{mark} {row.distance:.2f}", DEEP[colour]))
    sheet = Image.new("RGBA", (len(frames) * (frames[0].width + GAP) - GAP, frames[0].height))
    for n, frame in enumerate(frames):
        sheet.paste(frame, (n * (frame.width + GAP), 0))
    return sheet


if __name__ == "__main__":
    (IMAGES / "network.svg").write_text(network(), encoding="utf-8")
    ranked_list().quantize(200, method=Image.Quantize.FASTOCTREE).save(IMAGES / "ranked.png", optimize=True)
