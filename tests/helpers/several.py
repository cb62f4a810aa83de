"""Pieces of work done by several processes at once, started as a launcher starts them."""

import importlib.util
import inspect
import multiprocessing
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

import torch
from support import free_port
from torch import Tensor, nn

from reid_course.engine.group import ProcessGroup
from reid_course.engine.processes import Processes

SMALL = {"size": (64, 32), "weights": None, "strides": "imagenet", "precision": "fp32"}


def _known_by_its_file(module: str, file: str) -> None:
    "Import a test's module as pytest does, which gives it a name that no folder on the path answers to."
    for end in [i for i, letter in enumerate(module) if letter == "."]:  # unpickling asks for its packages
        sys.modules.setdefault(module[:end], ModuleType(module[:end]))
    spec = importlib.util.spec_from_file_location(module, file)
    assert spec and spec.loader
    sys.modules[module] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[module])


def _one(origin: tuple[str, str], work: bytes, folder: Path, rank: int, size: int, port: int) -> None:
    "What each process does: tell the library where it is, work, leave the result."
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in place.items()} | {"MASTER_ADDR": "127.0.0.1"}
    torch.set_num_threads(1)
    try:
        _known_by_its_file(*origin)
        torch.save(pickle.loads(work)(), folder / f"{rank}.pt")
    except Exception:
        (folder / f"{rank}.txt").write_text(traceback.format_exc())
        raise


def together(
    work: Callable[[], object],  # a function of a test's module, or a partial of one
    size: int,  # processes
    folder: Path,  # for what they leave; made here
    seconds: float = 300,  # after these they are ended
) -> list[object]:  # what each returned, or the text of its error
    "Run a piece of work in several processes at once; none of them is left when this returns."
    folder.mkdir()
    context = multiprocessing.get_context("forkserver")  # a fork of this process may not use autograd again
    context.set_forkserver_preload(["accelerate", "reid_course.training", "reid_course.engine.processes"])
    module = inspect.getmodule(work.func if isinstance(work, partial) else work)
    assert module and module.__file__
    given = ((module.__name__, module.__file__), pickle.dumps(work), folder)
    port = free_port()
    processes = [context.Process(target=_one, args=(*given, rank, size, port)) for rank in range(size)]
    try:
        for process in processes:
            process.start()
        end = time.monotonic() + seconds
        for process in processes:
            process.join(max(0, end - time.monotonic()))
    finally:
        for process in processes:
            process.kill()
            process.join()
    found = []
    for rank in range(size):
        left, error = folder / f"{rank}.pt", folder / f"{rank}.txt"
        text = error.read_text() if error.exists() else f"process {rank} left nothing"
        found.append(torch.load(left, weights_only=False) if left.exists() else text)
    return found


class Frozen(ProcessGroup):
    "A group whose networks have frozen batch norms; it notes what it is asked to look at."

    def wrap(self, losses: Callable, *modules: nn.Module) -> Callable:
        for norm in modules[0].modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                norm.eval()
                norm.train = lambda mode=True, norm=norm: norm
        look, self.batches, self.shares, self.rows = super().wrap(losses, *modules), [], [], []

        def noted(inputs: Tensor, targets: dict[str, Tensor]) -> dict[str, Tensor]:
            self.batches.append(targets["pids"].tolist())
            return look(inputs, targets)

        return noted

    def all_gather(self, outputs: dict[str, Tensor], shares: Sequence[Tensor]) -> dict[str, Tensor]:
        self.shares.append([share.tolist() for share in shares])
        self.rows.append(len(outputs["embedding"]))
        return super().all_gather(outputs, shares)


class FrozenProcesses(Frozen, Processes):
    "The same, for several."


def frozen() -> ProcessGroup:
    return Frozen() if os.environ.get("WORLD_SIZE", "1") == "1" else FrozenProcesses("cpu")
