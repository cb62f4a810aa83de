"""Counts what makes the host wait for a device: whenever Python or the size of a result depends on a value there."""

from collections import Counter
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

ASKED = (  # by their names in aten, without overloads
    "_local_scalar_dense",  # item, float(x), bool(x), if x
    "is_nonzero",
    "equal",
    "nonzero",
    "argwhere",
    "masked_select",
    "bincount",
    "unique_dim",
    "unique_consecutive",
    "unique_dim_consecutive",
    "_unique",
    "_unique2",
)

COPIED = ("tolist", "numpy", "__array__", "cpu")  # methods that on a CPU pass no operation


class HostReads(TorchDispatchMode):
    "Inside it, `found` counts by name; on a CPU as it would be on a GPU."

    def __init__(self):
        super().__init__()
        self.found: Counter[str] = Counter()
        self.copies = _Copies(self.found)

    def __enter__(self) -> "HostReads":
        self.copies.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self.copies.__exit__(*error)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name, masks = func.overloadpacket.__name__, []
        if name.strip("_").startswith("index"):  # of a mask it is asked how many it chooses
            chosen = args[1] if isinstance(args[1], list | tuple) else ()
            masks = [x for x in chosen if x is not None and x.dtype in (torch.bool, torch.uint8)]
        if name in ASKED or masks:
            self.found[name] += 1
        return func(*args, **kwargs or {})


class _Copies(TorchFunctionMode):
    "Counts methods that copy values to the host."

    def __init__(self, found: Counter[str]):
        self.found = found

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in COPIED:
            self.found[name] += 1
        return func(*args, **kwargs or {})
