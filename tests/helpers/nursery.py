"""Commands that meet a fate: tests/helpers/nursery.py reads wishes as JSON, a line each, and answers with exit codes.

It imports everything once and forks a child for each wish, so that a process costs what it computes and no more. A
child counts events by kind: a picture drawn ("draw"), a file unpacked, a step of training ("batch"), a batch of images
looked at ("look"), and a checkpoint, a table or a folder about to get its name. It meets its fate at one of them.
"""

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2  # noqa: F401
import matplotlib.pyplot  # noqa: F401
import plotly.graph_objects  # noqa: F401
import scipy.io  # noqa: F401
import torch
from PIL import Image
from torchvision.models.resnet import BasicBlock, ResNet

from reid_course import backbone
from reid_course.cli import archive as intake
from reid_course.cli import main as cli
from reid_course.course import experiments
from reid_course.model import ReidModel
from reid_course.pages import report  # noqa: F401

SMALL = {"size": (32, 16), "strides": "imagenet", "p": 2, "k": 8, "epochs": 2, "valid": 0.5}
"What the demo trains with here, so that it takes seconds."


class Narrow(ResNet):
    "A ResNet-18 with an eighth of the channels: how a state is kept does not depend on how large it is."

    def __init__(self) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.fc = torch.nn.Linear(64, 1)

    def _make_layer(self, block: Any, planes: int, *more: Any, **options: Any) -> torch.nn.Sequential:
        return super()._make_layer(block, planes // 8, *more, **options)


def fate(how: str, subject: Any, share: float) -> None:
    "What happens to a process; with half a file on the disk, if it was about to name one."
    if isinstance(subject, Path) and subject.is_file():
        os.truncate(subject, int(share * subject.stat().st_size))
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    elif how == "nan":
        subject.param_groups[0]["params"][0].grad.fill_(float("nan"))
    else:
        number = getattr(errno, how)
        raise OSError(number, os.strerror(number), str(subject))


def count_events(wish: dict[str, Any], seen: list[str]) -> None:
    "Let everything that a test can stop at be counted, and stop at the n-th of the kind that was wished."

    def watched(act: Callable, kind: Callable[..., str]) -> Callable:
        def acted(*args: Any, **more: Any) -> Any:
            seen.append(kind(*args, **more))
            if not wish["kinds"] or seen[-1] in wish["kinds"]:
                wish["n"] -= 1
                if wish["n"] == 0 and wish["how"] not in ("none", "moment"):
                    fate(wish["how"], args[0], wish["share"])
            return act(*args, **more)

        return acted

    def step(adam: torch.optim.Adam) -> str:  # the estimate of the time takes some that change nothing
        return "batch" if adam.param_groups[0]["lr"] > 0 else "estimate"

    def naming(_: Path, target: Path) -> str:
        return {"": "folder", ".safetensors": "checkpoint"}.get(target.suffix, "table")

    for owner, name, kind in (
        (Image.Image, "save", lambda *_, **__: "draw"),
        (intake.shutil, "copyfileobj", lambda *_, **__: "unpack"),
        (torch.optim.Adam, "step", step),
        (ReidModel, "infer", lambda *_, **__: "look"),
        (Path, "replace", naming),
    ):
        setattr(owner, name, watched(getattr(owner, name), kind))


def live(wish: dict[str, Any]) -> None:
    "A child's life: the command, and what it printed and did, in files."
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{wish['notes']}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seen: list[str] = []
    count_events(wish, seen)
    backbone._RESNETS[18] = Narrow
    experiments.DEMO |= SMALL
    experiments.DEMO_IDENTITIES = 4
    code = 1
    try:
        code = cli.main(wish["words"])
    except BaseException:  # a traceback where none should be is for the test to see
        sys.excepthook(*sys.exc_info())
    finally:
        Path(f"{wish['notes']}.seen").write_text(json.dumps(seen))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    "A child for each wish, one after the other."
    for line in sys.stdin:
        wish = json.loads(line)
        child = os.fork()
        if child == 0:
            live(wish)
        if wish["how"] == "moment":
            time.sleep(wish["n"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
