"""Make the page `try`, the explorer of a small run on drawn people: python tools/try_page.py, also part of make lessons

Into results/try/, to be committed; tools/docs.py copies it into the site. Nothing is done where it is fresh: the mark
beside it holds digests of this file, of the modules it comes from, of the page's frame, and of the page itself. The
training takes half a minute of one core.
"""

import sys
import tempfile
import time
from pathlib import Path

import torch
from lessons import digest, digest_of
from listing import MODULES, ROOT, closure, imports

from reid_course.course.experiments import DEMO
from reid_course.data import Dataset, load_dataset
from reid_course.engine.files import read_json, write_json
from reid_course.minimarket import make_minimarket
from reid_course.model import ReidModel, load_model
from reid_course.pages.explorer import gather
from reid_course.pages.report import FONT, write_page
from reid_course.retrieval import Gallery
from reid_course.training import train

FOLDER = ROOT / "results" / "try"
PAGE, MARK = FOLDER / "try.html", FOLDER / "mark.json"
FRAME = (
    "report.jinja",
    "report.js",
    f"fonts/{FONT}",
)  # what the page is made with, beside the package's modules
PEOPLE, PICTURES, SEED = 50, 240, 5  # learned from; shown; of the training
DRAWN = (128, 64)  # height and width of the pictures; the network sees them smaller
SETTINGS = DEMO | {"p": 8, "k": 4, "size": (48, 24), "strides": "imagenet", "seed": SEED}
SETTINGS |= {"valid": 0.0, "split_seed": 0}  # nobody is held out


def trained(
    folder: Path,  # for the pictures and the run
) -> tuple[Dataset, ReidModel, float]:  # the data, the network, seconds of one core
    "The training of the page `start`, on people drawn larger."
    torch.set_num_threads(1)
    data = load_dataset(make_minimarket(folder / "data", PEOPLE, DRAWN, images_per_identity=10))
    start = time.process_time()
    run = train(data, folder / "run", device="cpu", **SETTINGS)
    return data, load_model(run.last), time.process_time() - start


def make() -> None:
    "Draw, train, search, write the page and its mark."
    with tempfile.TemporaryDirectory() as scratch:
        data, network, seconds = trained(Path(scratch))
        gallery = Gallery(model=network)
        gallery.add_images(data.gallery[data.gallery.pid > 0].reset_index(drop=True))
        found = gather({"ResNet": gallery}, data.names, data.schema, PICTURES, cross_camera=True)
    for model in found["models"]:
        del model["confusion"]  # the page searches, and has no room for tables
    facts = {
        "people": "drawn by a program, none real",
        "network": f"trained for {seconds:.0f} s of one core on {PEOPLE} others, seed {SEED}",
        "counted": "matches by other cameras",
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_page(PAGE, "Try it: who is found?", facts, {}, {}, found, home="index.html")
    write_json(MARK, mark())


def mark() -> dict[str, str]:  # digests of code, package, frame and page
    "What the page comes from."
    code = Path(__file__).read_text(encoding="utf-8")
    frame = (ROOT / "reid_course" / "pages" / name for name in FRAME)
    return {
        "code": digest(code),
        "package": digest_of(closure(imports(code, MODULES), MODULES)),
        "frame": digest(*(file.read_bytes().hex() for file in frame)),
        "page": digest(PAGE.read_text(encoding="utf-8")),
    }


def is_fresh() -> bool:
    "Whether the page is there, and of this code and this package."
    return PAGE.exists() and MARK.exists() and read_json(MARK) == mark()


if __name__ == "__main__":
    if is_fresh() and "--anew" not in sys.argv:
        print(f"{PAGE.relative_to(ROOT)} is fresh; --anew makes it all the same")
    else:
        make()
        print(f"{PAGE.relative_to(ROOT)}  {PAGE.stat().st_size / 1e6:.2f} MB")
