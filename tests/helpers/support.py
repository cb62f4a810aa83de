"""What several tests share: the project's files, and commands in a process of their own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from listing import ROOT


def run(
    *command: str | Path,  # a program installed beside this Python, "python", or a path; then its arguments
    cwd: Path = ROOT,
    seconds: float = 120,  # after these it is ended, with every process it started
    **environment: str,  # variables beside those of this process
) -> tuple[int, str]:  # exit code (negative: ended by a signal) and everything printed
    "Run a command in a process of its own."
    name, *arguments = map(str, command)
    found = shutil.which(name, path=sysconfig.get_path("scripts"))  # Windows adds an ending
    program = sys.executable if name == "python" else found or name
    process = subprocess.Popen(
        [program, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        output, _ = process.communicate()
        output += f"\nended after {seconds} s"
    return process.returncode, output


def copy_tree(
    target: Path,  # a folder to make
) -> Path:  # the same folder
    "Copy the project as it stands: what git tracks and what it would, nothing that it ignores."
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():  # tracked, but deleted a moment ago
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def failed(
    capsys: pytest.CaptureFixture,
    *arguments: str | Path,  # of `reid-course`
) -> str:
    "The one line of a command that ends with code 1, in this process."
    from reid_course.cli.main import main

    assert main([str(argument) for argument in arguments]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("reid-course: "), lines
    return lines[0]


def refusal(
    call: Callable[[], object],
) -> str:
    "What is said instead of an answer."
    from reid_course.errors import ReidError

    with pytest.raises(ReidError) as error:
        call()
    return str(error.value)


def free_port() -> int:
    "A port that nobody listens to."
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
