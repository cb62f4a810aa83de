"""Options of `train`: none is forgotten, every two values are tried together, and what can do nothing is refused."""

from dataclasses import fields
from itertools import combinations, product
from typing import Any

import pytest
from paired import CASES, LAYOUTS, VALUES, apart

from reid_course.engine.config import TrainConfig
from reid_course.errors import ReidError


def test_no_option_is_forgotten():
    assert list(VALUES) == [option.name for option in fields(TrainConfig)]
    one = {name for name, values in VALUES.items() if len(values) == 1}
    assert one == {"depth", "size"}


def made(**some: Any) -> TrainConfig:
    "Options of which all have an effect, but for some."
    rest: dict[str, Any] = {"weights": None, "model": "resnet" if some.get("tasks") == "reid" else "sa"}
    rest |= {"patience": int(some.get("valid") != 0)} | some
    if rest.get("tasks") != "attributes":
        rest.setdefault("identity_weight", 1.0)
    rest["size"] = (32, 16)
    if "margin" in some and some["margin"] != "soft":
        rest["margin"] = float(some["margin"])
    return TrainConfig(**rest)


def test_an_option_that_can_do_nothing_is_refused():
    for (a, xs), (b, ys) in combinations(VALUES.items(), 2):
        for x, y in product(xs, ys):
            if not apart({a: x, b: y}):
                assert made(**{a: x, b: y})
                continue
            with pytest.raises(ReidError) as caught:
                made(**{a: x, b: y})
            idle = b if apart({a: x, b: y}) == [b] else a
            said = f"{idle} is {(y if idle == b else x)!r}, which has no effect without "
            assert "mining semihard" in str(caught.value) or said in str(caught.value), (a, x, b, y)


def test_every_two_values_are_in_one_case():
    some = VALUES | {"layout": list(LAYOUTS)}
    met = {frozenset(pair) for case in CASES for pair in combinations(sorted(map(str, case.items())), 2)}
    for (a, xs), (b, ys) in combinations(some.items(), 2):
        for x, y in product(xs, ys):
            assert apart({a: x, b: y}) or frozenset((str((a, x)), str((b, y)))) in met, (a, x, b, y)
    assert len(CASES) < 45
