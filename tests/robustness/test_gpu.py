"""The same course on a GPU: same images, same losses, same answers. Skipped where there is none."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from reid_course.data import load_dataset
from reid_course.engine.callbacks import Report
from reid_course.engine.capture import CudaGraph
from reid_course.images import ImageStore, flip_and_shift, make_junk, random_erasing
from reid_course.minimarket import make_minimarket
from reid_course.model import load_model
from reid_course.recipes import recipe
from reid_course.training import Run, train
from reid_course.triplet import triplet_loss

if not torch.cuda.is_available():
    pytest.skip("needs a GPU", allow_module_level=True)

GPU, CPU = "cuda", "cpu"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory):
    return load_dataset(make_minimarket(tmp_path_factory.mktemp("gpu") / "data", 24, (64, 32)))


SHORT: dict = {"epochs": 2, "p": 8, "k": 4, "size": (64, 32), "weights": None, "lr": 1e-3}


@pytest.mark.parametrize("vary", (flip_and_shift, random_erasing, make_junk))
def test_the_same_draws(vary):
    images = torch.randint(0, 256, (8, 64, 32, 3), dtype=torch.uint8)
    there, here = (vary(images.to(d), torch.Generator().manual_seed(3)).cpu() for d in (GPU, CPU))
    assert (there != here).float().mean() < 1e-4  # a border may be rounded elsewhere


@pytest.mark.parametrize(
    "margin, mining", ((0.3, "all"), (0.3, "hard"), (0.3, "semihard"), ("soft", "all"), ("soft", "hard"))
)
def test_the_same_triplet_loss(margin, mining):
    torch.manual_seed(0)
    pids, values, gradients = torch.arange(16).repeat_interleave(4), [], []
    points = torch.randn(64, 256)
    for device in (CPU, GPU):
        x = points.clone().to(device).requires_grad_()
        loss = triplet_loss(x, pids.to(device), margin, mining)
        loss.backward()
        values.append(loss.item())
        gradients.append(x.grad.cpu())
    assert values[0] == pytest.approx(values[1], rel=1e-4)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    (
        {},
        {"model": "convhead", "form": "kendall"},
        {"model": "sa", "junk": 0.25, "mining": "hard"},
        {
            "neck": True,
            "identity_weight": 1.0,
            "margin": "soft",
            "pooling": "gem",
            "ema_decay": 0.9,
            "flip_tta": True,
            "erasing_prob": 0.5,
        },
        {"class_weight_power": 0.3, "tasks": "attributes"},
    ),
)
def test_the_same_losses(data, options, tmp_path: Path):
    "Of a network that stays as it is: when it learns, rounding grows from step to step."
    alike = SHORT | {"epochs": 1, "precision": "fp32", "schedule": standing} | options
    logs = [train(data, tmp_path / device, device=device, **alike).log.iloc[0] for device in (CPU, GPU)]
    for name in logs[0].filter(like="train_").index:
        assert logs[0][name] == pytest.approx(logs[1][name], rel=0.02, abs=0.02), name


def standing(_: float) -> float:
    "A learning rate at which nothing is learned."
    return 0.0


def test_bf16_learns_as_fp32(data, tmp_path: Path):
    logs = [
        train(data, tmp_path / precision, device=GPU, **SHORT | {"precision": precision}).log
        for precision in ("fp32", "bf16")
    ]
    for name in logs[0].filter(like="train_"):
        assert logs[0][name][0] == pytest.approx(logs[1][name][0], rel=0.1, abs=0.1), name


@pytest.mark.parametrize("options", ({}, recipe("strong") | {"stock_stride_epochs": 1}))
def test_a_recorded_step_learns_as_one_that_is_not(data, options, tmp_path: Path):
    "With other kernels for nothing but the learning rate; that steps were recorded at all is counted."
    played, replay = [], CudaGraph.replay
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CudaGraph, "replay", lambda graph: played.append(replay(graph)))
        runs = {
            capture: train(data, tmp_path / str(capture), device=GPU, capture=capture, **SHORT | options)
            for capture in (False, True)
        }
    assert len(played) >= 2
    for name in runs[False].log.filter(like="train_"):
        assert runs[True].log[name].to_numpy() == pytest.approx(
            runs[False].log[name].to_numpy(), rel=0.1, abs=0.1
        ), name


def test_a_run_goes_on_and_answers_alike_on_both(data, tmp_path: Path):
    whole = train(data, tmp_path / "whole", device=GPU, **SHORT)

    class Enough(Exception): ...

    def stop(row):
        raise Enough

    with pytest.raises(Enough):
        train(data, tmp_path / "parts", device=GPU, callbacks=[Report(stop)], **SHORT)
    parts = train(data, tmp_path / "parts", device=GPU, resume=True, **SHORT)
    logs = [run.log for run in (whole, parts)]
    assert logs[0].train_total.to_numpy() == pytest.approx(logs[1].train_total.to_numpy(), rel=0.05)

    model, images = load_model(whole), ImageStore(data.train.path[:64], (64, 32))
    model.precision = "fp32"
    here, there = model.predict(images), model.to(GPU).predict(images)
    for name, probabilities in here.probabilities.items():
        np.testing.assert_allclose(there.probabilities[name], probabilities, atol=0.01)
    scale = np.abs(here.embeddings).max()
    np.testing.assert_allclose(there.embeddings, here.embeddings, atol=0.01 * scale)


def test_files_and_memory_give_the_same_batches(data):
    device, paths = torch.device(GPU), list(data.train.path[:32])
    kept, read = (ImageStore(paths, (64, 32), cache=cache).batch_reader(device) for cache in (True, False))
    batches = [[3, 1, 2], [0]]
    for a, b in zip(kept(batches), read(batches), strict=True):
        assert torch.equal(a, b) and a.is_cuda and b.is_cuda


LAUNCHED = """
import sys, torch
from reid_course.data import load_dataset
from reid_course.engine.processes import Processes
from reid_course.training import train
group = Processes("cuda")
assert group.device.type == "cuda", group.device
train(load_dataset(sys.argv[1]), sys.argv[2], group=group, **{short})
"""


def test_a_group_of_one_on_a_gpu(data, tmp_path: Path):
    "With NCCL, a distributed module and synchronised batch norms; several cards cannot be had here."
    script = tmp_path / "launched.py"
    script.write_text(LAUNCHED.replace("{short}", repr(SHORT)))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1"]
    done = subprocess.run(
        [*launch, script, data.root, tmp_path / "group"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    alone = train(data, tmp_path / "alone", device=GPU, **SHORT)
    logs = [Run(run).log for run in (alone, tmp_path / "group")]
    assert logs[0].train_total.to_numpy() == pytest.approx(logs[1].train_total.to_numpy(), rel=0.05)
