"""What a training asks of its device: nothing in a step, and once an epoch whether all was finite."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from host_reads import HostReads
from trained import SMALL, Plain

from reid_course.data import load_dataset
from reid_course.engine.config import TrainConfig
from reid_course.engine.trainer import Batch, Trainer
from reid_course.errors import ReidError
from reid_course.minimarket import make_minimarket
from reid_course.recipes import recipe
from reid_course.training import new_model, train
from reid_course.uncertainty import MultiTaskObjective


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory):
    return load_dataset(make_minimarket(tmp_path_factory.mktemp("reads") / "data", 12, (32, 16)))


@contextlib.contextmanager
def refused() -> Iterator[None]:
    "On a GPU, the first wait is an error."
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


@pytest.mark.parametrize(
    "name, ask",
    [
        ("_local_scalar_dense", lambda x: x.sum().item()),
        ("_local_scalar_dense", lambda x: bool((x > 1).any())),
        ("index", lambda x: x[x > 1]),
        ("index_put_", lambda x: x.index_put_((x > 1,), torch.ones(2))),
        ("masked_select", lambda x: x.masked_select(x > 1)),
        ("nonzero", lambda x: x.nonzero()),
        ("nonzero", lambda x: torch.where(x > 1)),
        ("_unique2", lambda x: x.unique()),
        ("bincount", lambda x: x.long().bincount()),
        ("equal", lambda x: torch.equal(x, x)),
        ("tolist", lambda x: x.tolist()),
        ("numpy", lambda x: x.numpy()),
        ("cpu", lambda x: x.cpu()),
        ("", lambda x: x[x.long()].masked_fill(x > 1, 0).argsort()),
    ],
)
def test_the_counter_counts(name: str, ask: Callable[[torch.Tensor], object]):
    x = torch.arange(4.0)
    with HostReads() as reads:
        ask(x)
    assert [*reads.found] == [name] * bool(name)


KINDS: dict[str, dict] = {
    "report": {},
    "strong": recipe("strong"),
    "junk": {"junk": 0.25},
    "sa": {"model": "sa", "form": "kendall"},
    "hard": {"mining": "hard", "tasks": "reid"},
    "semihard": {"mining": "semihard"},
    "attributes": {"tasks": "attributes", "class_weight_power": 0.5},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_asks_the_device_nothing(kind: str, data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    "From the batch to the callbacks, at every step."
    steps, found, own = [], Counter(), Trainer._steps
    on_gpu = torch.cuda.is_available()

    def counted(self, *what):
        with HostReads() as reads, refused() if on_gpu else contextlib.nullcontext():
            done = own(self, *what)
        found.update(reads.found)
        steps.append(len(done[0]))
        return done

    monkeypatch.setattr(Trainer, "_steps", counted)
    device = "cuda" if on_gpu else "cpu"
    train(data, tmp_path / "run", epochs=1, device=device, **SMALL | KINDS[kind])
    assert len(steps) == 1 and steps[0] > 1
    assert not found, dict(found)


def test_what_is_not_finite_is_told_with_its_batch(data, tmp_path: Path):
    rate = lambda done: float("inf") if done > 0 else 1e-3  # noqa: E731
    with pytest.raises(ReidError, match=r"^epoch 1, batch \d+: .* expected a finite number"):
        train(data, tmp_path / "run", epochs=1, device="cpu", schedule=rate, backbone=Plain, **SMALL)


class OnePerson:
    "A stranger's batches, in which nobody can be told from anybody."

    def __len__(self) -> int:
        return 1

    def __call__(self, epoch: int) -> Iterator[Batch]:
        yield Batch(torch.zeros(2, 3, 32, 16), {"pids": torch.ones(2, dtype=torch.int64)})


def test_batches_without_triplets_are_told_their_remedy(data):
    config = TrainConfig(tasks="reid", weights=None, size=(32, 16))
    model = new_model(config, ())
    objective = MultiTaskObjective(model, config, data.train)
    trainer = Trainer(model, objective, torch.optim.SGD(model.parameters()), lambda done: 1e-3)
    with pytest.raises(ReidError, match="two people, and at most k images of each"):
        trainer.fit(OnePerson(), 1)
