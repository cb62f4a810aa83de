"""The command says and makes the same wherever it runs: locale, time zone, width, cores, a home not to be written."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reid_course.minimarket import make_minimarket
from reid_course.model import build_model, save_model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="umask and C locales are of POSIX systems")
WORDS = """
--help
train --help
data make made --identities 4 --size 32 16
data check made
predict best.safetensors one.jpg
predict missing.safetensors one.jpg
"""
ALL = f"""
import os, sys
sys.stderr = sys.stdout
os.umask(int(sys.argv[1], 8))
from reid_course.cli.main import main
for words in {WORDS.split(chr(10))!r}:
    print("$", words)
    try: print(main(words.split()) if words else "")
    except SystemExit as end: print(end.code)
"""
SETTINGS = {  # variables and umask; one after the other beside none of them
    "C locale, ASCII alone": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "UTF-8 locale": {"LC_ALL": "C.UTF-8"},
    "half a day ahead": {"TZ": "AHEAD-12"},
    "half a day behind": {"TZ": "BEHIND+12"},
    "narrow": {"COLUMNS": "40"},
    "wide": {"COLUMNS": "300"},
    "four threads": {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"},
    "home that cannot be written": {"HOME": "/proc/nobody", "XDG_CACHE_HOME": "", "MPLCONFIGDIR": ""},
    "nobody else may read": {"umask": "077"},
    "colours, no terminal": {"FORCE_COLOR": "1", "TERM": "xterm-256color"},
}


def ran(folder: Path, setting: dict[str, str]) -> tuple[str, dict[str, str]]:
    "All commands under a setting: what they print, blanks aside, and a digest of each file they make."
    environment = {"umask": "022", "TZ": "UTC", "COLUMNS": "80", "TQDM_DISABLE": "1"} | setting
    command = [sys.executable, "-c", ALL, environment.pop("umask")]
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    files = {path for path in (folder / "made").rglob("*") if path.is_file()}
    made = {str(x.relative_to(folder)): hashlib.sha256(x.read_bytes()).hexdigest() for x in files}
    return "".join(done.stdout.decode().split()), made


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    "Makes folders with a network and a picture."
    image = next(make_minimarket(tmp_path_factory.mktemp("drawn") / "set", 4, (32, 16)).rglob("*.jpg"))

    def prepare(name: str) -> Path:
        folder = tmp_path_factory.mktemp("place")
        (folder / "one.jpg").write_bytes(image.read_bytes())
        save_model(network, folder / "best.safetensors")
        return folder

    network = build_model(size=(32, 16), weights=None, strides="imagenet")
    return prepare


@pytest.fixture(scope="module")
def plain(prepared):
    "What is said and made where nothing is special."
    said, made = ran(prepared("plain"), {})
    assert said.count("$") == 8 and "gender" in said and len(made) > 20, said
    return said, made


@pytest.mark.parametrize("name", list(SETTINGS))
def test_the_same_is_said_and_made(name, prepared, plain):
    assert ran(prepared(name), SETTINGS[name]) == plain
