"""Commands in several processes, as a user starts them: what is refused, what is said, what one that dies leaves."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from several import SMALL, free_port
from support import failed

from reid_course.cli.main import main
from reid_course.data import load_dataset
from reid_course.engine.callbacks import Report
from reid_course.engine.files import file_digest
from reid_course.engine.group import ProcessGroup
from reid_course.engine.run import RunFolder
from reid_course.errors import ReidError
from reid_course.model import build_model, save_model
from reid_course.split import split_identities
from reid_course.training import train

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked, and killed, as on POSIX")


def test_more_processes_than_identities_are_refused(drawn_people, tmp_path):
    crowd = ProcessGroup()
    crowd.size = 5
    with pytest.raises(ReidError, match="5 processes for p = 4; expected at most one an identity"):
        train(drawn_people, tmp_path / "run", p=4, group=crowd, **SMALL)
    assert not (tmp_path / "run").exists()


def test_other_commands_run_in_one_process(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "expected train or evaluate" in failed(capsys, "demo", "--out", tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_only_the_first_process_speaks(drawn_people, monkeypatch, capsys, tmp_path):
    held, run = split_identities(load_dataset(drawn_people).train)[1], RunFolder(tmp_path)
    save_model(build_model(size=(64, 32)), run.best)
    people = {file_digest(path): str(pid) for path, pid in zip(held.path, held.pid, strict=True)}
    config = {"model": "resnet", "epochs": 1, "tasks": "both", "valid_identities": len(people)}
    run.write_config(config, {"train": [], "valid": sorted({*people.values()}), "images": people})
    second = ProcessGroup()
    second.rank = 1
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCH_CPP_LOG_LEVEL", "ERROR")  # what the command would set stays set otherwise
    monkeypatch.setattr("reid_course.engine.processes.launched", lambda device: second)
    for name in ("training.train", "scoring.score"):
        monkeypatch.setattr(f"reid_course.{name}", lambda *_, **__: {})
    for command in (["train", "--out", tmp_path / "new"], ["evaluate", tmp_path]):
        assert main([str(x) for x in (*command, "--data", drawn_people)]) == 0
    assert capsys.readouterr().out == ""


def started(
    *arguments: str | Path,  # of `reid-course`
) -> subprocess.Popen[str]:
    "A command in two processes, as a user starts it."
    launch = "accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no"
    more = f"--dynamo_backend no --main_process_port {free_port()} -m reid_course.cli.main"
    command = [sys.executable, "-m", *f"{launch} {more}".split(), *map(str, arguments), "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.long
def test_evaluate_says_the_same(drawn_people, tmp_path, capsys):
    train(drawn_people, tmp_path / "run", device="cpu", seed=3, p=4, epochs=1, **SMALL)
    arguments = ["evaluate", tmp_path / "run", "--data", drawn_people]
    job = started(*arguments)
    try:
        output, errors = job.communicate(timeout=400)
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
    assert job.returncode == 0 and "Traceback" not in errors, errors
    assert main([str(x) for x in arguments]) == 0
    assert output == capsys.readouterr().out and "queries against" in output


def workers(out: Path) -> dict[int, int]:
    "Rank -> process id of those that train into a folder."
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode().split("\0")
            place = dict(x.split("=", 1) for x in (folder / "environ").read_text().split("\0") if "=" in x)
        except OSError:
            continue
        if str(out) in line and "RANK" in place:
            found[int(place["RANK"])] = int(folder.name)
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the process to kill in /proc")
def test_rank_that_dies_ends_the_job_and_the_run_goes_on(drawn_people, tmp_path):
    out = tmp_path / "run"
    options = "--weights none --size 64 32 --strides imagenet --p 4 --seed 7 --epochs 500"
    job = started("train", "--data", drawn_people, "--out", out, *options.split())
    try:
        end = time.monotonic() + 400
        while not (out / "log.csv").exists() and job.poll() is None and time.monotonic() < end:
            time.sleep(0.2)
        ranks = workers(out)
        assert sorted(ranks) == [0, 1], ranks if job.poll() is None else job.communicate()
        os.kill(ranks[1], signal.SIGKILL)
        began = time.monotonic()
        output, errors = job.communicate(timeout=60)  # within a minute
        seconds = time.monotonic() - began
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()
    print(f"the job ended {seconds:.1f} s after its second process was killed")
    assert job.returncode != 0 and "SIGKILL" in errors, errors
    assert not workers(out)
    assert len(re.findall(r"epoch +1 ", output)) == 1, output  # only the first process speaks
    assert not list(out.glob(".*.part"))
    done = pd.read_csv(out / "log.csv")
    settings = {"weights": None, "size": (64, 32), "strides": "imagenet", "p": 4, "seed": 7, "epochs": 500}

    def enough(row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # one process goes on where two have stopped
        train(
            load_dataset(drawn_people), out, resume=True, device="cpu", callbacks=[Report(enough)], **settings
        )
    again = pd.read_csv(out / "log.csv")
    assert len(again) in (len(done) + 1, len(done) + 2)  # a checkpoint may be one epoch ahead of its log
    pd.testing.assert_frame_equal(again[: len(done)], done)
