"""What is timed. A case prepares its input and gives back the work; peers run in environments of their own,

so every import of this project or of a peer stands inside its case, and inputs are made with NumPy alone.
"""

from collections.abc import Callable

import numpy as np

Work = Callable[[], object]
CASES: dict[str, Callable[..., Work]] = {}
"By `row/who`; what a case takes are numbers, for the growth of the cost, and for a test to make it small."


def case(row: str, who: str) -> Callable:
    "Enter a case into the table."

    def enter(function: Callable[..., Work]) -> Callable[..., Work]:
        CASES[f"{row}/{who}"] = function
        return function

    return enter


def old_names() -> None:
    "fastreid 1.4.0 takes a name from where Python had it before 3.10; without this it cannot be imported."
    import collections
    import collections.abc

    collections.Mapping = collections.abc.Mapping


def people(n_query: int = 3368, n_gallery: int = 15913, ids: int = 750) -> tuple[np.ndarray, ...]:
    "Identities and cameras as Market-1501 has them: query pids, gallery pids, query and gallery cameras."
    rng = np.random.default_rng(0)
    gallery = np.r_[np.arange(1, ids + 1), rng.integers(0, ids + 1, n_gallery - ids)]
    return (
        rng.integers(1, ids + 1, n_query),
        gallery,
        rng.integers(1, 7, n_query),
        rng.integers(1, 7, n_gallery),
    )


def embeddings(n_query: int = 3368, n_gallery: int = 15913, dim: int = 512) -> tuple[np.ndarray, ...]:
    "Points around a centre for each identity, so that neighbourhoods are as they are after training."
    rng = np.random.default_rng(1)
    query, gallery, *_ = people(n_query, n_gallery)
    centres = rng.standard_normal((751, dim), np.float32)
    points = centres[np.r_[query, gallery]]
    points += 1.2 * rng.standard_normal(points.shape, np.float32)
    return points[:n_query], points[n_query:]


def distances() -> np.ndarray:
    "A matrix of distances, 3,368 × 15,913."
    return np.random.default_rng(2).random((3368, 15913), np.float32)


# Evaluation, distances given


@case("evaluate_retrieval", "reid_course")
def _():
    from reid_course.metrics import evaluate_retrieval

    d, p = distances(), people()
    return lambda: evaluate_retrieval(d, *p)


@case("evaluate_retrieval", "plain loop")
def _():
    d, (qp, gp, qc, gc) = distances(), people()

    def loop() -> float:
        scores = []
        for row, pid, camera in zip(d, qp, qc, strict=True):
            keep = ~((gp == pid) & (gc == camera))
            hits = (gp[keep] == pid)[np.argsort(row[keep])]
            ranks = np.flatnonzero(hits) + 1
            if len(ranks):
                scores.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
        return float(np.mean(scores))

    return loop


@case("evaluate_retrieval", "limit: sorting the matrix")
def _():
    d = distances()
    row = np.empty_like(d[0])

    def rows() -> None:
        for each in d:
            row[:] = each
            row.sort()

    return rows


@case("evaluate_retrieval", "torchreid, Python")
def _():
    from torchreid.reid.metrics.rank import evaluate_rank

    d, p = distances(), people()
    return lambda: evaluate_rank(d, *p, max_rank=50, use_cython=False)


@case("evaluate_retrieval", "fastreid, Cython")
def _():
    old_names()
    from fastreid.evaluation.rank import IS_CYTHON_AVAI, evaluate_rank

    if not IS_CYTHON_AVAI:
        raise RuntimeError("the Cython extension is not built")
    d, p = distances(), people()
    return lambda: evaluate_rank(d, *p, max_rank=50, use_cython=True)


@case("evaluate_retrieval", "open-metric-learning")
def _():
    import torch
    from oml.functional.metrics import calc_map

    d, (qp, gp, qc, gc) = torch.from_numpy(distances()), map(torch.from_numpy, people())

    def score() -> object:
        kept, n = [], []
        for row, pid, camera in zip(d, qp, qc, strict=True):
            mask = ~((gp == pid) & (gc == camera))
            order = row[mask].argsort()
            kept.append((gp[mask] == pid)[order])
            n.append(int(kept[-1].sum()))
        return calc_map(kept, torch.tensor(n), top_k=(50,))

    return score


# Evaluation, from embeddings


@case("evaluate_embeddings", "reid_course")
def _(n_gallery: int = 15913):
    from reid_course.metrics import evaluate_embeddings

    n_query = 3368 if n_gallery == 15913 else 300
    e, p = embeddings(n_query, n_gallery), people(n_query, n_gallery)
    return lambda: evaluate_embeddings(*e, *p)


@case("evaluate_embeddings", "plain: all distances, then ranks")
def _():
    import torch

    from reid_course.metrics import evaluate_retrieval

    (q, g), p = map(torch.from_numpy, embeddings()), people()
    return lambda: evaluate_retrieval(torch.cdist(q, g).numpy(), *p)


@case("evaluate_embeddings", "limit: all distances")
def _():
    q, g = embeddings()

    def all_distances() -> np.ndarray:
        d = q @ g.T
        d *= -2
        d += (q * q).sum(1)[:, None]
        d += (g * g).sum(1)
        return d

    return all_distances


@case("evaluate_embeddings, 100,000 × 1,000,000", "reid_course")
def _():
    from reid_course.metrics import evaluate_embeddings

    p = people(100_000, 1_000_000, 50_000)
    rng = np.random.default_rng(3)
    e = [rng.standard_normal((n, 512), np.float32) for n in (100_000, 1_000_000)]
    return lambda: evaluate_embeddings(*e, *p)


# Re-ranking


@case("re_rank", "reid_course")
def _(n: int = 19281):
    from reid_course.metrics import re_rank

    e = embeddings(n * 3368 // 19281, n - n * 3368 // 19281)
    return lambda: re_rank(*e)


def _three_distances() -> list[np.ndarray]:
    "Query to gallery, query to query, gallery to gallery: what the peers ask for, made outside the clock."
    import torch

    q, g = map(torch.from_numpy, embeddings())
    return [torch.cdist(a, b).square().numpy() for a, b in ((q, g), (q, q), (g, g))]


@case("re_rank", "torchreid")
def _():
    from torchreid.reid.utils.rerank import re_ranking

    d = _three_distances()
    return lambda: re_ranking(*d)


@case("re_rank", "fastreid")
def _():
    old_names()
    from fastreid.evaluation.rerank import re_ranking

    d = _three_distances()
    return lambda: re_ranking(*d)


# Triplet loss, forward and backward


def batch(p: int, k: int):
    "Embeddings with a gradient, and their identities."
    import torch

    torch.manual_seed(0)
    pids = torch.arange(p).repeat_interleave(k)
    points = torch.randn(p, 512)[pids] + torch.randn(p * k, 512)
    return points.requires_grad_(), pids


def forward_backward(loss: Callable, p: int, k: int) -> Work:
    "The work that a loss makes in a step."
    points, pids = batch(p, k)

    def work() -> None:
        points.grad = None
        loss(points, pids).backward()

    return work


def _naive(points, pids, margin: float = 0.3):
    "Every triplet in one cube."
    import torch

    d = torch.cdist(points, points)
    same, itself = pids[:, None] == pids, torch.eye(len(pids), dtype=torch.bool)
    valid = (same & ~itself)[:, :, None] & ~same[:, None, :]
    losses = torch.relu(d[:, :, None] - d[:, None, :] + margin) * valid
    return losses.sum() / (losses > 0).sum()


def _row_by_row(points, pids, margin: float = 0.3):
    "An anchor at a time."
    import torch

    d = torch.cdist(points, points)
    total, active = 0.0, 0
    for i in range(len(pids)):
        same = pids == pids[i]
        negatives = d[i][~same]
        same[i] = False
        losses = torch.relu(d[i][same][:, None] - negatives + margin)
        total, active = total + losses.sum(), active + (losses > 0).sum()
    return total / active


def _hardest(points, pids, margin: float = 0.3):
    "The hardest triplet of each anchor, with torch's own distances."
    import torch

    d, same = torch.cdist(points, points), pids[:, None] == pids
    far, near = d.masked_fill(~same, 0).amax(1), d.masked_fill(same, float("inf")).amin(1)
    return torch.relu(far - near + margin).mean()


def _enter_triplets(p: int, k: int) -> None:
    row = f"triplet loss, all, P{p}K{k}"

    @case(row, "reid_course")
    def _():
        from reid_course.triplet import triplet_loss

        return forward_backward(triplet_loss, p, k)

    @case(row, "plain: an anchor at a time")
    def _():
        return forward_backward(_row_by_row, p, k)

    if p * k < 512:
        case(row, "plain: the whole cube")(lambda: forward_backward(_naive, p, k))

    @case(row, "limit: distances alone")
    def _():
        import torch

        return forward_backward(lambda x, pids: torch.cdist(x, x).sum(), p, k)

    @case(row, "pytorch-metric-learning")
    def _():
        from pytorch_metric_learning.distances import LpDistance
        from pytorch_metric_learning.losses import TripletMarginLoss

        loss = TripletMarginLoss(0.3, distance=LpDistance(normalize_embeddings=False))
        return forward_backward(loss, p, k)

    if (p, k) == (32, 8):

        @case(row, "open-metric-learning")
        def _():
            from oml.losses.triplet import TripletLossWithMiner
            from oml.miners.inbatch_all_tri import AllTripletsMiner

            loss = TripletLossWithMiner(0.3, AllTripletsMiner(), reduction="mean")
            return forward_backward(loss, p, k)


for _p, _k in ((18, 4), (32, 8), (32, 16)):
    _enter_triplets(_p, _k)

HARD = "triplet loss, hard, P32K8"


@case(HARD, "reid_course")
def _():
    from reid_course.triplet import triplet_loss

    return forward_backward(lambda x, pids: triplet_loss(x, pids, mining="hard"), 32, 8)


@case(HARD, "plain")
def _():
    return forward_backward(_hardest, 32, 8)


@case(HARD, "pytorch-metric-learning")
def _():
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import BatchHardMiner

    distance = LpDistance(normalize_embeddings=False)
    loss, mine = TripletMarginLoss(0.3, distance=distance), BatchHardMiner(distance=distance)
    return forward_backward(lambda x, pids: loss(x, pids, mine(x, pids)), 32, 8)


@case(HARD, "fastreid")
def _():
    old_names()
    from fastreid.modeling.losses.triplet_loss import triplet_loss

    return forward_backward(lambda x, pids: triplet_loss(x, pids, 0.3, False, True), 32, 8)


@case("triplet loss, growth", "reid_course")
def _(n: int):
    from reid_course.triplet import triplet_loss

    return forward_backward(triplet_loss, n // 4, 4)


@case("P×K batches, growth", "reid_course")
def _(n: int):
    from reid_course.sampling import PKBatchSampler

    sampler = PKBatchSampler(np.repeat(np.arange(n), 16), 16, 4)  # 16 images of each of n people
    return lambda: sum(1 for _ in sampler)


@case("attribute heads, growth", "reid_course")
def _(n: int):
    import torch

    from reid_course.data import Attribute
    from reid_course.heads import ConvHeads

    heads = ConvHeads(attributes=[Attribute(str(i), ("no", "yes")) for i in range(n)])
    maps = {"layer3": torch.randn(8, 256, 16, 16)}

    def work() -> None:
        heads.zero_grad()
        sum(x.sum() for x in heads(maps)).backward()

    return work


# The network: a step of 64 images of 128 × 64, and looking at 128


def images(n: int, height: int = 128) -> np.ndarray:
    "Noise as pictures."
    return np.random.default_rng(4).integers(0, 256, (n, height, height // 2, 3), np.uint8)


def _step(model: str = "resnet", precision: str = "auto", height: int = 128) -> Work:
    import torch
    from steps import a_batch, a_trainer

    from reid_course.engine.config import TrainConfig

    config = TrainConfig(model, weights=None, precision=precision, size=(height, height // 2))
    trainer = a_trainer(config, torch.device("cpu"))
    pixels, pids = torch.from_numpy(images(64, height)), torch.arange(16).repeat_interleave(4)
    targets = torch.zeros((64, 12), dtype=torch.int64)
    return lambda: trainer.step(a_batch(pixels, targets, pids), lr=1e-4)


STEP = "training step, ResNet"


@case(STEP, "reid_course")
def _(height: int = 128):
    return _step(height=height)


@case(STEP, "fp32, channels last")
def _(height: int = 128):
    return _step(precision="fp32", height=height)


@case(STEP, "fp32, NCHW: what every peer runs")
def _(height: int = 128):
    import torch

    from reid_course.heads import attribute_loss
    from reid_course.images import to_input
    from reid_course.model import build_model
    from reid_course.triplet import triplet_loss

    model = build_model().to(memory_format=torch.contiguous_format)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    pixels, pids = torch.from_numpy(images(64, height)), torch.arange(16).repeat_interleave(4)
    targets = torch.zeros((64, 12), dtype=torch.int64)

    def step() -> None:
        outputs = model(to_input(pixels).contiguous())
        points = outputs.pop("embedding")  # what is left are the attributes' logits, in their order
        logits = [*outputs.values()]
        optimizer.zero_grad()
        (attribute_loss(logits, targets) + triplet_loss(points, pids)).backward()
        optimizer.step()

    return step


@case("training step, ConvHead", "reid_course")
def _(height: int = 128):
    return _step("convhead", height=height)


@case("training step, SA", "reid_course")
def _(height: int = 128):
    return _step("sa", height=height)


EXTRACT = "extraction, 128 images"


@case(EXTRACT, "reid_course")
def _(n: int = 128):
    from reid_course.model import build_model

    model, pixels = build_model(), images(n)
    return lambda: model.predict(pixels)


@case(EXTRACT, "fp32, NCHW: what every peer runs")
def _(n: int = 128):
    import torch

    from reid_course.images import to_input
    from reid_course.model import build_model

    model, pixels = (
        build_model().to(memory_format=torch.contiguous_format).eval(),
        torch.from_numpy(images(n)),
    )

    @torch.inference_mode()
    def look() -> object:
        return model(to_input(pixels).contiguous())

    return look


@case("matrix product, 2048³", "fp32")
def _():
    import torch

    a = torch.randn(2048, 2048)
    return lambda: a @ a


@case("matrix product, 2048³", "bf16")
def _():
    import torch

    a = torch.randn(2048, 2048).bfloat16()
    return lambda: a @ a


# From files to input, one core: 256 images of 128 × 64


def _files() -> list[str]:
    import tempfile
    from pathlib import Path

    from PIL import Image

    folder = Path(tempfile.mkdtemp())
    noise = np.random.default_rng(5).integers(0, 256, (256, 16, 8, 3), np.uint8)
    for i, pixels in enumerate(noise):  # enlarged, as smooth as a render
        Image.fromarray(pixels).resize((64, 128), Image.Resampling.BICUBIC).save(
            folder / f"{i:03}.jpg", quality=90
        )
    return sorted(map(str, folder.iterdir()))


PIPELINE = "input, 256 images"


@case(PIPELINE, "reid_course, from files")
def _():
    import torch

    from reid_course.images import ImageStore, flip_and_shift, to_input

    files, chance = _files(), torch.Generator().manual_seed(0)

    def read() -> object:
        pixels = torch.from_numpy(ImageStore(files)[:])
        return [to_input(flip_and_shift(part, chance)) for part in pixels.split(64)]

    return read


@case(PIPELINE, "reid_course, from memory")
def _():
    import torch

    from reid_course.images import flip_and_shift, to_input

    pixels, chance = torch.from_numpy(images(256)), torch.Generator().manual_seed(0)
    return lambda: [to_input(flip_and_shift(part, chance)) for part in pixels.split(64)]


@case(PIPELINE, "plain: Pillow and torchvision, image by image")
def _():
    import torch
    from PIL import Image
    from torchvision.transforms import v2

    files = _files()
    transform = v2.Compose(
        [
            v2.ToImage(),
            v2.RandomHorizontalFlip(),
            v2.Pad(5),
            v2.RandomCrop((128, 64)),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    return lambda: torch.stack([transform(Image.open(file).convert("RGB")) for file in files])


@case("MiniMarket, 40 people", "reid_course")
def _(n: int = 40):
    import shutil
    import tempfile
    from pathlib import Path

    from reid_course.minimarket import make_minimarket

    folder = Path(tempfile.mkdtemp())

    def draw() -> int:
        shutil.rmtree(folder / "m", ignore_errors=True)
        return len(list(make_minimarket(folder / "m", n).rglob("*.jpg")))

    return draw


# Starting up


def _python(*arguments: str) -> Work:
    import subprocess
    import sys

    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


@case("start", "import reid_course.data")
def _():
    return _python("-c", "import reid_course.data")


@case("start", "import pandas")
def _():
    return _python("-c", "import pandas")


@case("start", "reid-course --help")
def _():
    return _python("-m", "reid_course.cli.main", "--help")
