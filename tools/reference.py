"""The site's reference: a page for each module, which smalldocs makes from the package."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import yaml
from addresses import heading, named, plain, shown
from listing import MADE, MODULES, WORKSHOP
from nbdev.config import get_config
from site_files import PAGES

from reid_course.course.experiments import THREE_MODELS
from reid_course.data import ATTRIBUTES


def smalldocs(*arguments: str | Path) -> None:
    "Run smalldocs; its warnings are errors here."
    done = subprocess.run(
        [Path(sys.executable).parent / "smalldocs", *arguments], capture_output=True, text=True
    )
    if done.returncode or "warning" in done.stdout + done.stderr:
        sys.exit(done.stdout + done.stderr)


def shelves(
    reference: dict[str, str],  # module -> its page
) -> dict[str, list[str]]:  # title -> modules
    "The modules of the top of the package, which are the course's, and those of each sub-package."
    found: dict[str, list[str]] = {}
    folders = {name.split(".")[0] for name in reference if "." in name}
    for name in sorted(reference):
        folder = name.split(".")[0]
        found.setdefault(f"reid_course.{folder}" if folder in folders else "reid_course", []).append(name)
    return dict(sorted(found.items()))


def write_reference() -> dict[str, str]:  # module -> its page, "engine.files" -> "files.qmd"
    "A page for each module, from docstrings, types and the comments beside parameters."
    file = PAGES / "_quarto.yml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    settings = get_config()
    config["smalldocs"] = {
        "api": {
            "packages": [settings.lib_name],
            "out": "reference",
            "root": "..",
            "source": f"{settings.git_url}/blob/{settings.branch}",
        }
    }
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    smalldocs("api", "build", "--dir", PAGES)
    config["smalldocs"] = {"linkify": True}  # else rendering would write the pages again
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    pages = {}
    for path in sorted((PAGES / "reference").glob("*.qmd")):
        text = path.read_text(encoding="utf-8")
        module = re.search(rf'^title: "{settings.lib_name}\.?(.*)"$', text, re.M)[1]
        text = readable(text).replace("\n---\n\n", f"\n---\n\n{built_in(MADE.get(module or '__init__'))}", 1)
        path.write_text(text, encoding="utf-8")
        pages[module] = path.name
    write_index(pages)
    return pages


def built_in(
    path: Path | None,  # a notebook; None: nobody's
) -> str:
    "Where a module of the reference is written."
    if path is None:
        return ""
    page, (number, *title) = f"../{plain(named(path))}", heading(path).split(" ")
    if path in WORKSHOP:
        return f"Built on the workshop page [{heading(path)}]({page}).\n\n"
    return f"Built in [lesson {number}, {' '.join(title)}]({page}).\n\n"


def write_index(
    pages: dict[str, str],  # module -> its page
) -> None:
    "The first page of the reference."
    text = "---\ntitle: Reference\n---\n\nA module per lesson at the top, and what serves them in sub-packages.\n"
    for title, modules in shelves(pages).items():
        text += f"\n## {title}\n\n| module | what it gives |\n| --- | --- |\n"
        for name in modules:
            said = ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8")))
            text += f"| [{shown(name)}]({pages[name]}) | {said} |\n"
    (PAGES / "reference" / "index.qmd").write_text(text, encoding="utf-8")


def readable(
    text: str,  # a page of the reference
) -> str:  # the same
    "Names as the source has them, a parameter a line where a line would be too long, and no word lost as a tag."
    text = re.sub(r"_Buffer\b.*?_NestedSequence\[complex [^\]]*\]", "ArrayLike", text)
    named = {repr(ATTRIBUTES): "ATTRIBUTES", repr(THREE_MODELS): "THREE_MODELS"}
    for default, name in ({"<reid_course.engine.processes.ProcessGroup object>": "ALONE"} | named).items():
        text = text.replace(default, name)
    text = re.sub(
        r"^(\|.*)$", lambda row: re.sub(r"(?<![`\w])(\w+)<(\w+)>", r"\1&lt;\2&gt;", row[1]), text, flags=re.M
    )
    return re.sub(r"(?<=^```python\n)(.{100,})$", lambda line: one_a_line(line[1]), text, flags=re.M)


def one_a_line(
    signature: str,  # "name(a: int, b: dict[str, int] = {}) -> float"
) -> str:
    "Its parameters below each other."
    name, rest = signature.split("(", 1)
    inner, end = rest.rsplit(")", 1) if "->" not in rest else re.match(r"(.*)\)( -> .*)$", rest).groups()
    parts = re.split(r", (?=\*{0,2}\w+(?::|$)|\*,)", inner)  # a comma inside a type is followed by no colon
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){end}"
