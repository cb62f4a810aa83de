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
BEGIN = """
import os, sys
os.umask(int(sys.argv[1], 8))
if hasattr(os, "sched_setaffinity"): os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[2])])
"""
ALL = f"""
sys.stderr = sys.stdout
from reid_course.cli.main import main
for words in {WORDS.split(chr(10))!r}:
    print("$", words)
    try: print(main(words.split()) if words else "")
    except SystemExit as end: print(end.code)
"""
SETTINGS = {  # variables, umask and cores
    "C locale, ASCII alone": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "UTF-8 locale": {"LC_ALL": "C.UTF-8"},
    "half a day ahead": {"TZ": "AHEAD-12"},
    "half a day behind": {"TZ": "BEHIND+12"},
    "narrow": {"COLUMNS": "40"},
    "wide": {"COLUMNS": "300"},
    "one core": {"cores": "1"},
    "four threads": {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"},
    "home that cannot be written": {"HOME": "/proc/nobody", "XDG_CACHE_HOME": "", "MPLCONFIGDIR": ""},
    "nobody else may read": {"umask": "077"},
    "colours, no terminal": {"FORCE_COLOR": "1", "TERM": "xterm-256color"},
}
SEEN = {  # where code that depends on the setting would look, and what it would find
    "C locale, ASCII alone": ("__import__('codecs').lookup(sys.stdout.encoding).name", "ascii"),
    "UTF-8 locale": ("__import__('codecs').lookup(sys.stdout.encoding).name", "utf-8"),
    "half a day ahead": ("__import__('time').timezone", "-43200"),
    "half a day behind": ("__import__('time').timezone", "43200"),
    "narrow": ("__import__('shutil').get_terminal_size().columns", "40"),
    "wide": ("__import__('shutil').get_terminal_size().columns", "300"),
    "one core": ("len(os.sched_getaffinity(0)) if hasattr(os, 'sched_setaffinity') else 1", "1"),
    "four threads": ("os.environ['OMP_NUM_THREADS']", "4"),
    "home that cannot be written": ("os.access(os.path.expanduser('~'), os.W_OK)", "False"),
    "nobody else may read": ("oct(os.umask(0))", "0o77"),
    "colours, no terminal": ("int(os.environ['FORCE_COLOR']) - sys.stdout.isatty()", "1"),
}


def said(folder: Path, setting: dict[str, str], code: str) -> str:
    "What code prints under a setting, blanks aside."
    environment = {
        "umask": "022",
        "cores": "999",
        "TZ": "UTC",
        "COLUMNS": "80",
        "TQDM_DISABLE": "1",
    } | setting
    command = [sys.executable, "-c", BEGIN + code, environment.pop("umask"), environment.pop("cores")]
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return "".join(done.stdout.decode().split())


def ran(folder: Path, setting: dict[str, str]) -> tuple[str, dict[str, str]]:
    "All commands under a setting: what they print, and a digest of each file they make."
    printed = said(folder, setting, ALL)
    files = {path for path in (folder / "made").rglob("*") if path.is_file()}
    return printed, {str(x.relative_to(folder)): hashlib.sha256(x.read_bytes()).hexdigest() for x in files}


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
    printed, made = ran(prepared("plain"), {})
    assert printed.count("$") == 8 and "gender" in printed and len(made) > 20, printed
    return printed, made


@pytest.mark.parametrize("name", list(SETTINGS))
def test_code_that_looks_sees_the_setting(name, tmp_path):
    where, found = SEEN[name]
    assert said(tmp_path, SETTINGS[name], f"print({where})") == found


@pytest.mark.parametrize("together", [tuple(SETTINGS)[::2], tuple(SETTINGS)[1::2]], ids=["one", "other"])
def test_the_same_is_said_and_made(together, prepared, plain):
    setting = {}  # of each pair of opposites one: every setting is met once, beside half of the others
    for name in together:
        assert not setting.keys() & SETTINGS[name].keys()
        setting |= SETTINGS[name]
    assert ran(prepared(together[0]), setting) == plain
