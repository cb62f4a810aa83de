"""A recorder of steps for a CPU, so that what a GPU does with `capture` can be tested without one."""

from collections.abc import Callable
from typing import Any

import torch

from reid_course.engine.capture import RECORDERS


class Again:
    "In the place of a `CudaGraph`: `replay` takes the recorded step again, on the tensors it was recorded with."

    def __init__(
        self,
        told: list[str],  # gets a word for each call
        device: torch.device,
    ):
        self.told = told

    def warm_up(self, step: Callable[[], Any]) -> Any:
        self.told.append("warm-up")
        return step()

    def capture(self, step: Callable[[], Any]) -> None:
        self.told.append("capture")
        self.step = step

    def replay(self) -> None:
        self.told.append("replay")
        self.step()


def recorded_on_cpu(
    patch: Any,  # pytest's monkeypatch
) -> list[str]:  # a word for each call of a recorder, from now on
    "Record the work of CPUs too."
    told: list[str] = []
    patch.setitem(RECORDERS, "cpu", lambda device: Again(told, device))
    return told
