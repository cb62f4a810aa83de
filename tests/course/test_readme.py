"""README.md is the course's front page, made readable on a code host."""

import re
import sys

import nbformat
import pytest
from listing import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from readme import blocks, from_root, readme
from support import run


@pytest.mark.parametrize(
    "link, moved",
    [
        ("[lesson](08_triplet.ipynb#hard)", "[lesson](nbs/08_triplet.ipynb#hard)"),
        ("[licence](../LICENSE)", "[licence](LICENSE)"),
        ("![model](images/model.svg)", "![model](nbs/images/model.svg)"),
        ('<img src="images/model.svg">', '<img src="nbs/images/model.svg">'),
        ("[below](#Start-here)", "[below](#start-here)"),
        ("[paper](https://arxiv.org/abs/1512.03385)", "[paper](https://arxiv.org/abs/1512.03385)"),
        ("`rows[0](a)` and\n```python\nrows[0](a)\n```", "`rows[0](a)` and\n```python\nrows[0](a)\n```"),
    ],
)
def test_links_start_at_the_root(link, moved):
    assert from_root(link) == moved


def test_links_of_this_readme_resolve():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"""(?:\]\(|\b(?:src|href)=["'])([^)"'#\s]+)""", text)
    assert len(targets) > 20 and not [
        t for t in targets if not re.match("[a-z]+:", t) and not (ROOT / t).exists()
    ]


@pytest.mark.parametrize("heading, language", [("As a library", "python"), ("Your own data", "py")])
def test_lines_of_this_readme_have_types_that_an_editor_shows(heading, language, tmp_path):
    (lines,) = blocks(heading, language)
    shown = {
        "run": "Run",
        "data": "Dataset",
        "model": "ReidModel",
        "gallery": "Gallery",
        "found": "Predictions",
    }
    shown = {name: kind for name, kind in shown.items() if f"{name} = " in lines}
    assert len(shown) >= 2
    (tmp_path / "lines.py").write_text(lines + "".join(f"reveal_type({name})\n" for name in shown))
    where = ("--python", sys.prefix, "--extra-search-path", ROOT, "--ignore", "undefined-reveal")
    code, said = run("ty", "check", *where, "--output-format", "concise", tmp_path / "lines.py", cwd=tmp_path)
    assert code == 0 and re.findall(r"type: `(\w+)`", said) == list(shown.values()), said


def test_lines_for_who_wants_the_library(tmp_path):
    (lines,) = blocks("As a library", "python")
    assert len([line for line in lines.splitlines() if line]) <= 10
    (tmp_path / "lines.py").write_text(lines)
    code, said = run("python", "lines.py", cwd=tmp_path, seconds=600, PYTHONPATH=str(ROOT))
    assert code == 0, said
    labelled = re.findall(r"^(\d+) +(?:young|teenager|adult|old) ", said, re.M)  # a wide table may wrap
    assert labelled[:3] == ["0", "1", "2"], said
    assert 1 <= len(re.findall("drawn/bounding_box_test/", said)) <= 5, said


def made(folder, *cells):
    "The README of a front page of these cells."
    (folder / "nbs").mkdir()
    nbformat.write(new_notebook(cells=list(cells)), folder / "nbs" / "index.ipynb")
    return readme(folder / "nbs" / "index.ipynb")


def test_page_is_run_and_shown(tmp_path):
    (tmp_path / "number.txt").write_text("41")
    text = made(
        tmp_path,
        new_raw_cell("---\nformat: html\n---"),
        new_markdown_cell("# The course\n\nSee [the licence](../LICENSE)."),
        new_code_cell("#| hide\nfrom pathlib import Path\nsecret = Path('../number.txt').read_text()"),
        new_code_cell(
            "#| echo: false\nfrom IPython.display import Markdown\nMarkdown(f'[{int(secret) + 1}](a.ipynb)')"
        ),
        new_code_cell("#| eval: false\ntrain('market')"),
    )
    assert (
        text
        == "# The course\n\nSee [the licence](LICENSE).\n\n[42](nbs/a.ipynb)\n\n```python\ntrain('market')\n```\n"
    )


def test_page_that_fails_is_refused(tmp_path):
    with pytest.raises(ZeroDivisionError):
        made(tmp_path, new_code_cell("1 / 0"))


def test_page_that_draws_is_refused(tmp_path):
    draws = "from IPython.display import Image\nimport base64\n"
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
    with pytest.raises(ValueError, match="draws a figure"):
        made(tmp_path, new_code_cell(f"{draws}Image(base64.b64decode('{dot}'))"))
