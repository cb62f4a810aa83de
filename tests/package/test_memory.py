"""What a process may keep in memory: no more than its container allows, and no more than its share."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reid_course.engine import memory
from reid_course.images import ImageStore


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    "Control groups as a container of 6,400 bytes has them."
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    groups, tree = tmp_path / "cgroup", tmp_path / "tree"
    groups.write_text("0::/kubepods/pod7\n")
    (tree / "kubepods" / "pod7").mkdir(parents=True)
    (tree / "kubepods" / "pod7" / "memory.max").write_text("6400\n")
    monkeypatch.setattr(memory, "memory_limit", partial(memory.memory_limit, groups, tree))
    return tree


def kept(folder: Path) -> list[bool]:
    "Whether one and whether two images of 16×16 pixels are kept in memory."
    files = [str(folder / f"{i}.png") for i in range(2)]
    for file in files:
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(file)
    return [ImageStore(files[:n], (16, 16)).kept is not None for n in (1, 2)]


def test_images_fit_a_quarter_of_the_container(container: Path, tmp_path: Path):
    assert kept(tmp_path) == [True, True]  # 768 bytes each; a quarter of 6,400 is 1,600
    (container / "kubepods" / "memory.max").write_text("6000\n")  # that of all pods together
    assert kept(tmp_path) == [True, False]


@pytest.mark.parametrize("name", ["LOCAL_WORLD_SIZE", "WORLD_SIZE"])
def test_processes_of_one_job_share_the_quarter(
    name: str, container: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(name, "2")
    assert kept(tmp_path) == [True, False]
    monkeypatch.setenv(name, "3")
    assert kept(tmp_path) == [False, False]


def test_processes_on_other_machines_take_none_of_this_one(
    container: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WORLD_SIZE", "16")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    assert kept(tmp_path) == [True, True]


def test_a_system_that_does_not_tell_its_memory_has_8_gib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert memory.memory_limit(tmp_path / "none") == 8 * 2**30
