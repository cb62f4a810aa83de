"""Measure training and extraction on a GPU: python bench/gpu.py

Writes bench/gpu.json, and bench/gpu.md from it. With `--device cpu` it shows, with tiny
images, that all of it runs, and writes nothing.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from steps import a_batch, a_trainer
from torch.utils.flop_counter import FlopCounterMode

from reid_course.data import ATTRIBUTES, load_dataset
from reid_course.engine.config import TrainConfig
from reid_course.images import ImageStore, flip_and_shift, to_input
from reid_course.minimarket import make_minimarket
from reid_course.sampling import PKBatches
from reid_course.training import new_model

HERE = Path(__file__).parent
TINY, SMALL, LARGE = (32, 16), (128, 64), (256, 128)
TRAINED = {  # row of the table: options of the network, images a step
    "ResNet, 128×64, 64 images": ({}, 64),
    "ResNet, 128×64, 64 images, recorded": ({"capture": True}, 64),
    "ResNet, 128×64, 256 images": ({}, 256),
    "ResNet, 256×128, 64 images": ({"size": LARGE}, 64),
    "ResNet, stock strides, 128×64, 64 images": ({"strides": "imagenet"}, 64),
    "ConvHead, 128×64, 64 images": ({"model": "convhead"}, 64),
    "SA, 128×64, 64 images": ({"model": "sa"}, 64),
    "ResNet, 128×64, 64 images, float32": ({"precision": "fp32"}, 64),
    "ResNet, 128×64, 64 images, float32, NCHW: what every peer runs": ({"precision": "fp32"}, 64),
}
KINDS = {  # of work, by the operations that begin it
    "convolutions": ("aten::cudnn_convolution", "aten::convolution_backward"),
    "batch norms": ("aten::native_batch_norm", "aten::native_batch_norm_backward"),
    "max-pool": ("aten::max_pool2d_with_indices", "aten::max_pool2d_with_indices_backward"),
    "copies": ("aten::copy_",),
    "Adam": ("aten::_fused_adam_",),
}
REST = "everything else: element by element, products, sorting"


def waited(device: torch.device) -> float:
    "Now, when the device has done what it was given."
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def seconds(work: Callable[[], object], device: torch.device, calls: int) -> dict[str, float]:
    "A call's time: the median of seven rounds of several calls, and how far they lie apart; one round on a processor."
    warm_up, wanted = (3, 7) if device.type == "cuda" else (1, 1)
    for _ in range(warm_up):
        work()
    rounds = []
    for _ in range(wanted):
        start = waited(device)
        for _ in range(calls):
            work()
        rounds.append((waited(device) - start) / calls)
    return {"seconds": statistics.median(rounds), "spread": max(rounds) / min(rounds) - 1}


def ceilings(device: torch.device, n: int) -> dict[str, float]:
    "What the device does at best: products of matrices in bfloat16, and copying."
    a, b = (torch.randn(n, n, device=device, dtype=torch.bfloat16) for _ in range(2))
    product = seconds(lambda: a @ b, device, 20)["seconds"]
    long = torch.randn(n * n, device=device)
    copied = torch.empty_like(long)
    copy = seconds(lambda: copied.copy_(long), device, 20)["seconds"]
    return {"flops": 2 * n**3 / product, "bytes": 2 * long.nbytes / copy}


def a_step(options: dict, n: int, device: torch.device, nchw: bool = False) -> Callable[[], object]:
    "A step of training as a `Trainer` takes it: images that lie on the device, varied, four of each person."
    config = TrainConfig(weights=None, p=n // 4, k=4, **options)
    trainer = a_trainer(config, device)
    if nchw:
        trainer.model.to(memory_format=torch.contiguous_format)
    kept = torch.randint(0, 256, (4 * n, *config.size, 3), dtype=torch.uint8, device=device)
    targets = torch.randint(0, 2, (n, 12), device=device)
    pids = torch.arange(n // 4, device=device).repeat_interleave(4)
    chance, rows = torch.Generator().manual_seed(0), torch.randperm(4 * n)[:n].to(device)

    def step() -> None:
        batch = a_batch(flip_and_shift(kept[rows], chance), targets, pids)
        if nchw:  # channels last in memory would be passed on from layer to layer
            batch.inputs = batch.inputs.contiguous()
        trainer.step(batch, 1e-4)

    return step


def a_look(options: dict, n: int, device: torch.device) -> Callable[[], object]:
    "Extraction: answers and embeddings of images that lie on the device."
    network = new_model(TrainConfig(weights=None, **options), ATTRIBUTES).to(device).eval()
    images = torch.randint(0, 256, (n, *network.size, 3), dtype=torch.uint8, device=device)

    def look() -> None:
        with torch.inference_mode():
            network.infer(to_input(images))

    return look


def flops(work: Callable[[], object]) -> int:
    "Floating point operations of a call, a multiplication with its addition as two."
    with FlopCounterMode(display=False) as counted:
        work()
    return counted.get_total_flops()


def training(device: torch.device, calls: int, real: bool) -> dict[str, dict]:
    "Each row of the table of training steps."
    found = {}
    for row, (options, n) in TRAINED.items():
        options, n = (options, n) if real else (options | {"size": TINY}, 8)
        step = a_step(options, n, device, nchw="NCHW" in row)
        work = flops(
            step
        )  # of the first one: a recorded step is not counted; the warm-up ends with the recording
        found[row] = seconds(step, device, calls) | {"images": n, "flops": work}
        print(row, f"{n / found[row]['seconds']:,.0f} images/s", flush=True)
    return found


def extraction(device: torch.device, calls: int, n: int, real: bool) -> dict[str, dict]:
    "Each row of the table of extraction."
    rows = {
        f"ResNet, 128×64, {n} images": {},
        f"ResNet, 256×128, {n} images": {"size": LARGE},
        f"ResNet, 128×64, {n} images, float32": {"precision": "fp32"},
    }
    found = {}
    for row, options in rows.items():
        look = a_look(options if real else options | {"size": TINY}, n, device)
        found[row] = seconds(look, device, calls) | {"images": n, "flops": flops(look)}
        print(row, f"{n / found[row]['seconds']:,.0f} images/s", flush=True)
    return found


def profile(device: torch.device, real: bool) -> dict:
    "Where the time of a step goes: seconds on the device by kind of work, and of the whole step."
    step = a_step({}, 64, device) if real else a_step({"size": TINY}, 8, device)
    whole = seconds(step, device, 10)["seconds"]
    with torch.profiler.profile() as watched:
        for _ in range(10):
            step()
        waited(device)
    kinds: dict[str, float] = {}
    for row in watched.key_averages():
        if (
            row.device_type == torch.autograd.DeviceType.CPU
        ):  # the operations; their kernels are rows of their own
            kind = next((kind for kind, names in KINDS.items() if row.key in names), REST)
            kinds[kind] = kinds.get(kind, 0.0) + row.self_device_time_total / 1e7
    return {"step": whole, "kinds": kinds}


def an_epoch(device: torch.device, people: int, size: tuple[int, int]) -> dict[str, float]:
    "Images a second of whole epochs, from files and from memory; and of reading alone."
    with tempfile.TemporaryDirectory() as folder:
        frame = load_dataset(make_minimarket(Path(folder) / "data", people, size)).train
        start = time.perf_counter()
        kept = ImageStore(frame.path, size, cache=True)
        found = {"reading files": len(frame) / (time.perf_counter() - start)}
        sources = {"from memory": kept, "from files": ImageStore(frame.path, size, cache=False)}
        config = TrainConfig(weights=None, size=size)
        for name, images in sources.items():
            trainer, batches = a_trainer(config, device), PKBatches(images, frame, config, ATTRIBUTES, device)
            trainer.fit(batches, 1)
            start = waited(device)
            trainer.fit(batches, 4)  # three more
            found[name] = 3 * config.p * config.k * len(batches) / (waited(device) - start)
    return found


def machine(device: torch.device) -> dict[str, str | int]:
    "What the figures depend on."
    return {
        "date": datetime.date.today().isoformat(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else "none",
        "cuda": str(torch.version.cuda),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count() or 0,
    }


def table(title: str, rows: dict[str, dict], best: float) -> list[str]:
    "Images a second, and the share of what the device does at best."
    lines = [
        "",
        f"## {title}",
        "",
        "| | images/s | a call | GFLOP an image | TFLOP/s | of the ceiling | spread |",
    ]
    lines += ["| --- | --: | --: | --: | --: | --: | --: |"]
    for row, f in rows.items():
        rate = f["flops"] / f["seconds"]
        lines.append(
            f"| {row} | {f['images'] / f['seconds']:,.0f} | {1000 * f['seconds']:.1f} ms "
            f"| {f['flops'] / f['images'] / 1e9:.2f} | {rate / 1e12:.0f} | {100 * rate / best:.0f} % "
            f"| {100 * f['spread']:.0f} % |"
        )
    return lines


def page(results: dict) -> str:
    "bench/gpu.md"
    m, best = results["machine"], results["ceilings"]
    busy = sum(results["profile"]["kinds"].values()) or float("nan")  # on a processor nothing is counted
    step = results["profile"]["step"]
    lines = [
        "# Measured on a GPU",
        "",
        f"`python bench/gpu.py` on {m['date']}: one {m['gpu']}, {m['cores']} processor cores, CUDA {m['cuda']}, "
        f"Python {m['python']}, torch {m['torch']}. The code is the same as on a processor (`--device cuda`).",
        "",
        f"The ceiling, measured there: {best['flops'] / 1e12:.0f} TFLOP/s in products of bfloat16 matrices "
        f"(8192 × 8192), {best['bytes'] / 1e12:.2f} TB/s in copying. Images lie on the device and are varied there "
        "(`flip_and_shift`). Each figure is the median of seven rounds; *spread* is how far the slowest lies above the "
        "fastest. Rows are in bfloat16 with channels last unless they say otherwise; in float32, torch lets the "
        "convolutions use TF32.",
        *table("Training steps", results["training"], best["flops"]),
        *table("Extraction", results["extraction"], best["flops"]),
        "",
        "## Where the time of a step goes",
        "",
        f"ResNet, 128×64, 64 images: {1000 * step:.1f} ms, of which the device computes for {1000 * busy:.1f} ms "
        f"({100 * busy / step:.0f} %).",
        "",
        "| on the device | ms a step | share |",
        "| --- | --: | --: |",
    ]
    for kind, s in sorted(results["profile"]["kinds"].items(), key=lambda item: -item[1]):
        lines.append(f"| {kind} | {1000 * s:.2f} | {100 * s / busy:.0f} % |")
    e = results["epoch"]
    lines += [
        "",
        "## From files and from memory",
        "",
        "Whole epochs of MiniMarket, 128×64, JPEG files, batches of 64:",
        "",
        "| | images/s |",
        "| --- | --: |",
        *(
            f"| {name} | {e[key]:,.0f} |"
            for key, name in (
                ("from memory", "training, images in memory (they go to the device once)"),
                ("from files", "training, files decoded for each batch"),
                ("reading files", "decoding alone, all cores"),
            )
        ),
        "",
        *together(results),
    ]
    return "\n".join(lines)


def together(results: dict) -> list[str]:
    "What several trainings reach that share the device, if that was measured."
    if "together" not in results:
        return []
    return [
        "## Several trainings at once",
        "",
        "A step of 64 images keeps the device busy for less than half of its time; the rest is Python and the "
        "launching of kernels. Trainings side by side fill it, each epoch judged as always (the trainings of "
        "lesson 13, from the times in their logs):",
        "",
        "| | images/s in all |",
        "| --- | --: |",
        *(f"| {name} | {rate:,.0f} |" for name, rate in results["together"].items()),
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for gpu.json and gpu.md")
    options = parser.parse_args()
    device, real = torch.device(options.device), options.device == "cuda"
    torch.manual_seed(0)
    file = options.out / "gpu.json"
    before = json.loads(file.read_text()) if file.exists() else {}
    results = before | {
        "machine": machine(device),
        "ceilings": ceilings(device, 8192 if real else 256),
        "training": training(device, 20 if real else 1, real),
        "extraction": extraction(device, 20 if real else 1, 512 if real else 2, real),
        "profile": profile(device, real),
        "epoch": an_epoch(device, 240 if real else 16, SMALL if real else TINY),
    }
    if real:
        file.write_text(json.dumps(results, indent=1) + "\n")
        (options.out / "gpu.md").write_text(page(results))
    print(page(results))


if __name__ == "__main__":
    main()
