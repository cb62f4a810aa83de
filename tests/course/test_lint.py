"""What a reader should never meet: unformatted code, wrong types, words for another tool, paths of one machine."""

import json
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from listing import NOTEBOOKS, ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from support import run

LARGEST = 400_000  # bytes of a notebook, outputs included

QUARTO_ONLY = re.compile(
    r"(?<![\w/])@(?:fig|tbl|eq|sec|lst|thm)-\w+"  # a cross-reference
    r"|\{#(?:fig|tbl|eq|sec|lst|thm)-"  # its target
    r"|\[-?@[\w:.-]+"  # a citation
    r"|\{\{<"  # a shortcode
)
MACHINE_PATH = re.compile(
    r"(?<![\w.:/-])/(?:home|Users|root|tmp|private|var|mnt|opt|srv|work|content|workspace)/\w|[A-Z]:\\+Users\\"
)


def prose_faults(
    text: str,
) -> list[str]:
    "Syntax that only Quarto understands, outside code."
    return QUARTO_ONLY.findall(re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S))


def output_faults(
    text: str,
) -> list[str]:
    "Paths that only one machine has."
    own = [str(path) for path in (ROOT, Path.home(), Path(sys.prefix), Path(tempfile.gettempdir()))]
    return MACHINE_PATH.findall(text) + [path for path in own if len(path) > 1 and path in text]


def output_text(
    output: nbformat.NotebookNode,
) -> str:
    "Everything in an output that is not a picture."
    shown = {kind: data for kind, data in output.get("data", {}).items() if not kind.startswith("image/")}
    return json.dumps([output.get("text", ""), output.get("traceback", ""), shown], ensure_ascii=False)


def faults(
    notebook: Path,
) -> list[str]:
    "What is wrong with a notebook, a line each."
    found = []
    if notebook.stat().st_size > LARGEST:
        found.append(f"{notebook.stat().st_size} bytes; at most {LARGEST}")
    for i, cell in enumerate(nbformat.read(notebook, as_version=4).cells):
        if cell.cell_type == "markdown":
            found += [f"cell {i}: {fault} works in Quarto only" for fault in prose_faults(cell.source)]
        for output in cell.get("outputs", []):
            found += [f"cell {i}: its output holds {fault}" for fault in output_faults(output_text(output))]
    return found


@pytest.mark.parametrize(
    "command",
    [
        "ruff check nbs tests tools bench setup.py",
        "ruff format --check nbs tests tools bench setup.py",
        f"ty check --python {sys.prefix} reid_course",
    ],
    ids=lambda command: " ".join(command.split()[:2]),
)
def test_tools_are_content(command):
    code, output = run(*command.split(" "))
    assert code == 0, output


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_reads_everywhere(notebook):
    assert faults(notebook) == []


def notebook_of(folder, *cells):
    "A notebook of these cells."
    path = folder / "00_one.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


@pytest.mark.parametrize(
    "text", ["As @fig-triplet shows", "$$x$$ {#eq-loss}", "as in [@hermans2017]", "{{< embed a.ipynb >}}"]
)
def test_quarto_syntax_is_seen(tmp_path, text):
    assert len(faults(notebook_of(tmp_path, new_markdown_cell(text)))) == 1


@pytest.mark.parametrize(
    "text", ["write to a@b-c.org", "`@fig-a` in code", "[Hermans](https://x.org/@a)", "$D_{a}$"]
)
def test_ordinary_prose_passes(tmp_path, text):
    assert faults(notebook_of(tmp_path, new_markdown_cell(text))) == []


@pytest.mark.parametrize(
    "text, wrong",
    [
        ("saved to /Users/ann/runs", True),
        (r"saved to C:\Users\ann", True),
        (f"saved to {ROOT}", True),
        ("saved to runs/demo; see https://x.org/home/page", False),
    ],
)
def test_machine_paths_are_seen(tmp_path, text, wrong):
    printed = new_code_cell("save()", outputs=[new_output("stream", text=text)])
    shown = new_code_cell("save()", outputs=[new_output("execute_result", data={"text/html": text})])
    assert [bool(faults(notebook_of(tmp_path, cell))) for cell in (printed, shown)] == [wrong, wrong]


def test_large_notebook_is_seen(tmp_path):
    picture = new_output("display_data", data={"image/png": "A" * LARGEST})
    assert len(faults(notebook_of(tmp_path, new_code_cell("draw()", outputs=[picture])))) == 1
