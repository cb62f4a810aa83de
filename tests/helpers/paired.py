"""Every option of `train` with every other: values, which exclude each other, and cases that pair them."""

from itertools import combinations, product
from typing import Any

LAYOUTS = ("official", "course", "folder")
# two values or more of each option, the cheap ones; what is left out is a matter of size alone
VALUES: dict[str, list[Any]] = {
    "model": ["resnet", "convhead", "sa"],
    "epochs": [1, 2],
    "p": [3, 2],
    "k": [2, 3],
    "valid": [0.3, 0.0],
    "split_seed": [0, 1],
    "seed": [0, 1],
    "tasks": ["both", "attributes", "reid"],
    "weights": ["none", "WEIGHTS"],
    "depth": [18],
    "strides": ["reid", "imagenet"],
    "pooling": ["avg", "gem"],
    "layer": ["layer3", "layer2", "layer4"],
    "dim": [256, 16],
    "size": ["32 16"],
    "form": ["report", "kendall", "fixed"],
    "margin": ["0.3", "soft"],
    "mining": ["all", "hard", "semihard"],
    "lr": [3e-4, 1e-3],
    "schedule": ["constant", "cosine"],
    "warmup": [0.0, 0.5],
    "weighting_lr_mult": [1.0, 10.0],
    "weight_decay": [5e-4, 0.0],
    "precision": ["fp32", "auto"],
    "capture": [False, True],
    "erasing_prob": [0.0, 0.5],
    "class_weight_power": [0.0, 0.5],
    "identity_weight": [0.0, 1.0],
    "identity_smoothing": [0.1, 0.0],
    "neck": [False, True],
    "ema_decay": [0.0, 0.9],
    "flip_tta": [False, True],
    "junk": [0.0, 0.25],
    "stock_stride_epochs": [0, 1],
    "patience": [0, 1],
    "monitor": ["selection_score", "accuracy", "mAP", "valid_total"],
}
APART: dict[tuple[str, Any], dict[str, list[Any]]] = {  # one value, and those that can do nothing beside it
    ("model", "resnet"): {"layer": ["layer2", "layer4"]},
    ("tasks", "attributes"): {"form": ["kendall", "fixed"], "weighting_lr_mult": [10.0], "neck": [True]},
    ("tasks", "reid"): {
        "form": ["kendall", "fixed"],
        "weighting_lr_mult": [10.0],
        "class_weight_power": [0.5],
    },
    ("form", "fixed"): {"weighting_lr_mult": [10.0]},
    ("identity_weight", 0.0): {"identity_smoothing": [0.0]},
    ("strides", "imagenet"): {"stock_stride_epochs": [1]},
    ("patience", 0): {"monitor": ["accuracy", "mAP", "valid_total"]},
    ("margin", "soft"): {"mining": ["semihard"]},
}
APART[("tasks", "attributes")] |= {"dim": [16], "margin": ["soft"], "mining": ["hard", "semihard"]}
APART[("tasks", "attributes")] |= {"identity_weight": [1.0], "identity_smoothing": [0.0]}
APART[("tasks", "reid")] |= {"layer": ["layer2", "layer4"], "model": ["convhead", "sa"]}
APART[("valid", 0.0)] = {"split_seed": [1], "patience": [1], "monitor": ["accuracy", "mAP", "valid_total"]}


def apart(
    some: dict[str, Any],  # values of options
) -> list[str]:  # those that can do nothing beside the others
    "What is refused when the options are made."
    return [
        idle
        for (name, value), others in APART.items()
        if name in some and some[name] == value
        for idle, values in others.items()
        if idle in some and some[idle] in values
    ]


def cases() -> list[dict[str, Any]]:  # a value for each option, and the layout of the data
    "So many trainings that every two values that can be together are in one of them: each pair in the first it fits."
    factors, found = {"layout": list(LAYOUTS)} | VALUES, list[dict[str, Any]]()
    for (a, xs), (b, ys) in combinations(factors.items(), 2):
        for pair in ({a: x, b: y} for x, y in product(xs, ys) if not apart({a: x, b: y})):
            for case in found:
                if all(case.get(name, x) == x for name, x in pair.items()) and not apart(case | pair):
                    case |= pair
                    break
            else:
                found.append(pair)
    for case in found:
        for name, values in factors.items():
            case.setdefault(name, next(x for x in values if not apart(case | {name: x})))
    return [{name: case[name] for name in factors} for case in found]


CASES = cases()
