"""A notebook tested as `nbdev_test` does it, in a process of its own that has the large libraries loaded already.

To load PyTorch, seaborn and nbdev takes four seconds of a core, and a hundred notebooks need them. So one process of
each worker loads them, does nothing else, and is forked for every notebook.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
from pathlib import Path

from listing import ROOT

LOADED = ["nbdev.test", "seaborn", "torch", "torchvision"]  # nothing of this project: that is what is tested


def nbdev_tested(
    notebook: Path,
    project: Path,  # its root
    seconds: float,  # after these it is ended, with every process it started
) -> tuple[int, str]:  # exit code (negative: ended by a signal) and everything printed
    "What `nbdev_test --path NOTEBOOK --do_print` gives. Not on Windows, which cannot fork."
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    with tempfile.NamedTemporaryFile() as said:
        process = context.Process(target=_tested, args=(str(notebook), str(project), said.name))
        process.start()
        process.join(seconds)
        late = process.is_alive()
        if late:
            os.killpg(process.pid, signal.SIGKILL)
            process.join()
        output = Path(said.name).read_text(encoding="utf-8", errors="replace")
    return process.exitcode, output + f"\nended after {seconds} s" * late


def _tested(notebook: str, project: str, said: str) -> None:
    "In the new process: no folder of the tests is searched for modules, and a file takes what is printed."
    os.setsid()
    os.chdir(project)
    sys.path[:] = [folder for folder in sys.path if not folder.startswith((f"{ROOT}/tests", f"{ROOT}/tools"))]
    file = os.open(said, os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
    from nbdev.test import nbdev_test

    nbdev_test(path=notebook, do_print=True)
