"""Make README.md from the front page of the course: python tools/readme.py

Cells of nbs/index.ipynb under `#| hide` are run and not shown, those under `#| echo: false` show their output only,
those under `#| eval: false` are shown and not run. Raw cells (front matter) are dropped.
"""

import posixpath
import re
from contextlib import chdir
from pathlib import Path

import nbformat
from execnb.shell import CaptureShell
from listing import FRONT, ROOT
from nbconvert import MarkdownExporter
from nbdev.process import NBProcessor
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbformat.v4.rwbase import rejoin_lines


def from_root(
    markdown: str,
    folder: str = "nbs",  # where its relative links start
) -> str:
    "The same text with relative links that start at the repository's root. Code keeps its letters."

    def moved(match: re.Match) -> str:
        code, before, target = match.groups()
        if code or re.match(r"[a-z]+:|/", target):
            return match[0]
        if target.startswith("#"):  # a code host's headings are small, Jupyter's are as written
            return before + target.lower()
        path, hash_, anchor = target.partition("#")
        return before + posixpath.normpath(posixpath.join(folder, path)) + hash_ + anchor

    return re.sub(
        r"""(```.*?```|`[^`\n]*`)|(\]\(|\b(?:src|href)=["'])([^)"'\s]+)""", moved, markdown, flags=re.S
    )


def not_run(cell) -> bool:
    "Whether a cell is only to be looked at; nbdev_test decides in the same way."
    evaluated = cell.directives_.get("eval:", ["true"])[0].lower() != "false"
    return cell.cell_type != "code" or not evaluated or "nbdev_export(" in cell.source


def shown(cell) -> nbformat.NotebookNode:
    "A cell as readers of the README see it."
    if cell.cell_type == "markdown":
        return new_markdown_cell(from_root(cell.source))
    code = re.sub(r"^(#\|.*\n)*", "", cell.source)
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/markdown" in data:
            data["text/markdown"] = from_root("".join(data["text/markdown"]))
    hidden = {"transient": {"remove_source": cell.directives_.get("echo:") == ["false"]}}
    return new_code_cell(code, outputs=cell.outputs, metadata=hidden)


def readme(
    index: Path,  # the notebook, in a folder next to README.md
) -> str:
    "The notebook, run and written as Markdown. ValueError if it draws: a figure must be a file that it links to."
    notebook = NBProcessor(index).nb
    with chdir(index.parent):
        CaptureShell(index).run_all(notebook, exc_stop=True, preproc=not_run)
    seen = [c for c in notebook.cells if c.cell_type != "raw" and "hide" not in c.directives_]
    python = {"language_info": {"name": "python"}}
    page = rejoin_lines(new_notebook(cells=[shown(cell) for cell in seen], metadata=python))
    text, made = MarkdownExporter().from_notebook_node(page)
    if made["outputs"]:
        raise ValueError(f"{index}: a code cell draws a figure; save it as a file and link to it instead")
    tight = re.sub(r"(```.*?```)|\n{3,}", lambda match: match[1] or "\n\n", text, flags=re.S)
    return tight.strip() + "\n"


def blocks(
    heading: str,  # of a section of README.md
    language: str,  # behind the fence: "python", "py" or "sh"
) -> list[str]:
    "The code that a section of the README shows."
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.M | re.S)


if __name__ == "__main__":
    (ROOT / "README.md").write_text(readme(FRONT), encoding="utf-8", newline="\n")
