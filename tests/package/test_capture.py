"""Steps that are recorded and done again, on a CPU that plays them: the same training, to the bit."""

import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from host_reads import HostReads
from recorded import recorded_on_cpu
from torch import Tensor
from trained import SMALL, Plain, PowerCut, same_state

from reid_course import training
from reid_course.data import load_dataset
from reid_course.engine.config import learning_rate
from reid_course.engine.trainer import Batch, Callback, Trainer
from reid_course.errors import ReidError
from reid_course.minimarket import make_minimarket
from reid_course.recipes import recipe
from reid_course.sampling import PKBatches
from reid_course.training import train
from reid_course.uncertainty import MultiTaskObjective


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory):
    return load_dataset(
        make_minimarket(tmp_path_factory.mktemp("captured") / "data", 12, (32, 16), images_per_identity=6)
    )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    "What recorders were told; learning rates are as exact as a recording reads them, with and without."
    as_read = lambda *now: float(np.float32(learning_rate(*now)))  # noqa: E731
    monkeypatch.setattr(training, "learning_rate", as_read)
    return recorded_on_cpu(monkeypatch)


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    "Unless a test says so: a training that is to be recorded must not have been turned off."
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "capture is off")
        yield


TINY: dict = {"device": "cpu", "backbone": Plain, **SMALL}
KINDS: dict[str, dict] = {
    "report": {},
    "strong": recipe("strong"),
    "rates": {"schedule": "cosine", "warmup": 1.5, "weighting_lr_mult": 4.0, "backbone": Plain},
    "strides": {"strides": "reid", "stock_stride_epochs": 1},
    "junk": {"junk": 0.25, "ema_decay": 0.9, "precision": "bf16", "backbone": Plain},
    "sa": {"model": "sa", "form": "kendall", "mining": "hard"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_recorded_training_is_the_same(kind: str, data, tmp_path: Path, told: list[str]):
    options = {"epochs": 2, "device": "cpu", **SMALL | KINDS[kind]}
    plain = train(data, tmp_path / "plain", **options)
    assert not told
    captured = train(data, tmp_path / "captured", capture=True, **options)
    same_state(plain, captured)
    epoch = len(told) // 2
    assert told == 2 * ["warm-up", "warm-up", "warm-up", "capture", *["replay"] * (epoch - 4)] and epoch > 5


def test_a_recorded_training_that_was_cut_goes_on_bit_for_bit(data, tmp_path: Path, told: list[str]):
    options = {"epochs": 3, "capture": True, **TINY, "ema_decay": 0.9, "schedule": "cosine"}
    whole = train(data, tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "cut", callbacks=[PowerCut(2)], **options)
    same_state(whole, train(data, tmp_path / "cut", resume=True, **options))


def test_a_training_may_go_on_recorded(data, tmp_path: Path, told: list[str]):
    "As it may go on with more epochs: those that are done would have been the same."
    whole = train(data, tmp_path / "whole", epochs=2, **TINY)
    run = train(data, tmp_path / "run", epochs=1, **TINY)
    assert not told
    same_state(whole, train(data, run, epochs=2, capture=True, resume=True, **TINY))
    assert told and run.config["capture"]


def test_short_batches_are_taken_as_they_are(
    data, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
):
    "Wherever they come: while warming up, and behind the recording."
    own = PKBatches.__call__

    def some_short(self: PKBatches, epoch: int) -> Iterator[Batch]:
        for i, batch in enumerate(own(self, epoch)):
            n = 4 if i in (1, len(self) - 1) else 8
            yield Batch(batch.inputs[:n], {name: x[:n] for name, x in batch.targets.items()})

    monkeypatch.setattr(PKBatches, "__call__", some_short)
    plain = train(data, tmp_path / "plain", epochs=2, **TINY)
    captured = train(data, tmp_path / "captured", epochs=2, capture=True, **TINY)
    same_state(plain, captured)
    assert told.count("capture") == 2 and told.count("replay") > 2


def test_a_recorded_step_asks_the_device_nothing(
    data, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
):
    "From the batch to the callbacks, the copies and the learning rates included."
    found, own = Counter(), Trainer._steps

    def counted(self, *what):
        with HostReads() as reads:
            done = own(self, *what)
        found.update(reads.found)
        return done

    monkeypatch.setattr(Trainer, "_steps", counted)
    train(data, tmp_path / "run", epochs=1, device="cpu", capture=True, **SMALL)
    assert told.count("replay") > 2
    assert not found, dict(found)


def test_losses_of_every_step_are_kept_apart(data, tmp_path: Path, told: list[str]):
    class Seen(Callback):
        def on_step(self, trainer: Trainer, losses: dict[str, Tensor]) -> None:
            totals.append(losses["total"])

    totals: list[Tensor] = []
    run = train(data, tmp_path / "run", epochs=1, capture=True, callbacks=[Seen()], **TINY)
    assert len({x.item() for x in totals}) == len(totals) > 5
    assert torch.stack(totals).mean().item() == pytest.approx(run.log.train_total[0])


def test_what_is_not_finite_is_told_with_its_batch(data, tmp_path: Path, told: list[str]):
    rate = lambda done: float("inf") if done > 0.6 else 1e-3  # noqa: E731
    said = []
    for capture in (False, True):
        with pytest.raises(ReidError, match=r"^epoch 1, batch \d+: .* expected a finite number") as caught:
            train(data, tmp_path / str(capture), epochs=1, capture=capture, schedule=rate, **TINY)
        said.append(str(caught.value))
    assert said[0] == said[1] and "replay" in told


class Own(MultiTaskObjective):
    "One of a user's: what it does is not known."


def sgd(groups: list[dict]) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups)


@pytest.mark.parametrize(
    "hook, why", [({"objective": Own}, "Own is not known"), ({"optimizer": sgd}, "Adam")]
)
def test_what_cannot_be_recorded_is_trained_as_ever(data, hook, why, tmp_path: Path, told: list[str]):
    options = {"epochs": 1, **TINY, **hook}
    plain = train(data, tmp_path / "plain", **options)
    with pytest.warns(UserWarning, match=f"^capture is off: .*{why}") as said:
        same_state(plain, train(data, tmp_path / "run", capture=True, **options))
    assert len(said) == 1 and not told


def test_a_hook_of_a_later_epoch_turns_it_off(data, tmp_path: Path, told: list[str]):
    class Looks(Callback):
        def on_epoch(self, trainer: Trainer, row: dict[str, float]) -> None:
            if trainer.epoch == 0:
                trainer.model.register_forward_hook(lambda *_: calls.append(trainer.model.training))

    calls: list[bool] = []
    with pytest.warns(UserWarning, match="^capture is off: a module has a hook"):
        train(data, tmp_path / "run", epochs=2, capture=True, callbacks=[Looks()], **TINY)
    assert told.count("capture") == 1 and calls.count(True) == len(told) - 1
