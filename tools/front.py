"""Draw the two pictures of the front page, the network and a ranked list: python tools/front.py

Into nbs/images/, to be committed. Neither has paper, so that both can be read on a light page and on a dark one, here
and on a code host.
"""

import base64
import io

import nbformat
import numpy as np
from listing import ROOT
from PIL import Image
from scipy import ndimage

IMAGES = ROOT / "nbs" / "images"
DEEP = {"right": "#00724F", "query": "#005F96", "ink": "#4A4A4A", "SA": "#882255"}
ROWS = 3  # ranked lists in that figure

# the network, after the report's Figure 5: name -> (left, top, width, lines, colour)
BOXES = {
    "image": (0, 78, 92, ("picture", "3×128×64"), "ink"),
    "maps": (132, 78, 158, ("ResNet, layers 1–3", "256×16×16"), "query"),
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


def find_lettered(
    colour: np.ndarray,  # (height, width, 4)
) -> np.ndarray:  # (height, width): whether a point lies outside the pictures
    "Paper and letters; a picture's frame is a row of full colour too long to be a letter."
    inked = (colour[..., :3] < 235).any(2)
    return ~ndimage.binary_fill_holes(ndimage.binary_opening(inked, np.ones((15, 15))))


def without_paper(
    colour: np.ndarray,  # (n, 4), ink on white
) -> np.ndarray:  # (n, 4), the same ink, as transparent as it was pale
    "What looks the same on white, and has no pale fringe on black."
    ink = 255.0 - colour[:, :3]
    alpha = ink.max(1, keepdims=True) / 255
    pure = 255 - ink / np.maximum(alpha, 1 / 255)
    return np.hstack([pure, 255 * alpha]).round().astype(np.uint8)


def ranked_list() -> Image.Image:
    "The first search of lesson 14, as its figure shows it, without paper."
    lesson = nbformat.read(ROOT / "nbs" / "14_retrieval.ipynb", as_version=4)
    shown = [output.get("data", {}) for cell in lesson.cells for output in cell.get("outputs", [])]
    png = next(data["image/png"] for data in shown if "image/png" in data)
    figure = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    colour = np.array(figure.crop((0, 0, figure.width, figure.height // ROWS)))
    lettered = find_lettered(colour)
    colour[lettered] = without_paper(colour[lettered])
    inked = np.argwhere(colour[..., 3] > 20)
    (top, _), (bottom, right) = inked.min(0), inked.max(0) + 1
    empty = np.flatnonzero(~(colour[:, : figure.width // 10, 3] > 20).any(0))
    left = empty.max() + 1  # the name of the row stands before that
    return Image.fromarray(colour[top:bottom, left:right])


if __name__ == "__main__":
    (IMAGES / "network.svg").write_text(network(), encoding="utf-8")
    ranked_list().quantize(256, method=Image.Quantize.FASTOCTREE).save(IMAGES / "ranked.png", optimize=True)
