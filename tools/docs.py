"""Build the site from the notebooks and their stored outputs: python tools/docs.py [NOTEBOOK…], after tools/lessons.py

nbdev turns the notebooks into pages and smalldocs the pages into a site, from the same nbs/_quarto.yml that Quarto
reads. What stands here is the glue: sources, times and glossary links in the lessons, and a page per module; site.py
has what is done to the finished site. With names, the other
pages have nothing but a title.
"""

import ast
import re
import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import nbformat
import yaml
from lessons import is_fresh, opening
from listing import NOTEBOOKS, ROOT
from nbdev.config import get_config
from site_files import SITE, finish_site

from reid_course.course.experiments import THREE_MODELS
from reid_course.data import ATTRIBUTES

PAGES = ROOT / "_proc"
OTHER_SENSE = {  # where a word of the glossary means something else
    **{"01b_people": {"head"}, "01c_pedestrians": {"head"}, "06_attention": {"query"}},
    **{"09_uncertainty": {"positive", "negative"}, "09a_accuracy": {"negative", "head"}},
    **{"10_metrics": {"negative"}, "10a_choosing": {"positive"}, "15_distractors": {"margin"}},
    **{"16_submission": {"positive"}, "18a_explorer": {"positive"}},
}
LEFT_OUT = "add_show_docs,exec_show_docs,add_fold,mv_exports,add_links"  # the reference has pages of its own


def process() -> None:
    "The notebooks as nbdev prepares them for Quarto, in _proc/."
    from nbdev.quarto import refresh_quarto_yml
    from nbdev.serve import proc_nbs

    shutil.rmtree(PAGES, ignore_errors=True)
    get_config().d["skip_procs"] = LEFT_OUT
    refresh_quarto_yml()
    proc_nbs(n_workers=0)
    for name in ("styles.css", "sidebar.yml"):
        shutil.copy(ROOT / "nbs" / name, PAGES)
    shutil.copytree(ROOT / "nbs" / "images", PAGES / "images", dirs_exist_ok=True)


# Pages


def heading(
    path: Path,  # a lesson
) -> str:  # "08 The triplet loss"
    "A lesson's number and title."
    number = re.match(r"\d+[a-z]?", path.stem)
    title = nbformat.read(path, as_version=4).cells[0].source.split("\n")[0].removeprefix("# ")
    return f"{number[0]} {title}" if number else title


def minutes(
    path: Path,  # a lesson
) -> str:  # "35 min", or nothing
    "The reading time that a lesson states."
    found = re.search(r"- \*\*Time:\*\* (\d+) minutes", path.read_text(encoding="utf-8"))
    return f"{found[1]} min" if found else ""


def sources(
    name: str,  # of a notebook
    module: str | None,  # that it exports
) -> str:
    "Where a lesson can be opened, run and read as code."
    settings = get_config()
    at = f"{settings.git_url}/blob/{settings.branch}"
    links = [f"[Notebook]({at}/nbs/{name})", f"[Colab]({re.search(r'[(](https[^)]+)', opening(name)[0])[1]})"]
    if module:
        links += [f"[Module `{module}`](reference/{module}.qmd)", f"[Source]({at}/reid_course/{module}.py)"]
    return "::: {.sources}\n" + " · ".join(links) + "\n:::"


def glossary_text() -> str:
    "The end of the first lesson, from the glossary on."
    text = "\n".join(cell.source for cell in nbformat.read(ROOT / "nbs" / "start.ipynb", as_version=4).cells)
    return text.split("## Glossary")[1]


def glossary() -> dict[str, str]:
    "Each term of the glossary and the address of its entry."
    terms = re.findall(r"^### (.+)$", glossary_text(), re.M)
    return {term: f"start.ipynb#{anchor(term)}" for term in terms if len(term) > 1}


def taught() -> dict[str, list[str]]:  # page -> terms
    "The terms of the glossary that each lesson explains."
    pages: dict[str, list[str]] = {}
    for term, lesson in re.findall(r"^### (.+)\n\n.*\((\w+)\.ipynb\)$", glossary_text(), re.M):
        pages.setdefault(f"{lesson}.html", []).append(term)
    return pages


def anchor(
    heading: str,  # or a link to one, as Jupyter writes it: "The-map"
) -> str:  # "the-map"
    "The site's name for a heading's place."
    return re.sub(r"[^\w\s-]", "", heading.lower()).replace(" ", "-")


def link_terms(
    text: str,  # Markdown
    terms: dict[str, str],  # term -> address; those that get linked are taken out
) -> str:
    "The same text with the first mention of each term linked."
    code, maths, tags = r"```.*?```|`[^`]*`", r"\$\$.*?\$\$|\$[^$]*\$", "<summary>.*?</summary>|<[^>]*>"
    kept = rf"({code}|{maths}|{tags}|!?\[[^\]]*\]\([^)]*\)|^#.*?$|^[|].*?$)"
    words = "|".join(map(re.escape, sorted(terms, key=len, reverse=True)))

    def link(match: re.Match) -> str:
        term = match[1] if match[1] in terms else match[1].lower()
        return f"[{match[0]}]({terms.pop(term)}){{.term}}" if term in terms else match[0]

    parts = re.split(kept, text, flags=re.S | re.M)
    parts[::2] = [re.sub(rf"(?<![\w-])({words})s?(?![\w-])", link, part, flags=re.I) for part in parts[::2]]
    return "".join(parts)


def write_page(
    path: Path,  # a notebook in _proc/
    terms: dict[str, str],
) -> None:
    "Put a lesson's sources under its title, and links where words of the glossary stand."
    page = nbformat.read(path, as_version=4)
    original = (ROOT / "nbs" / path.name).read_text(encoding="utf-8")
    module = re.search(r'"#\| *default_exp (\w+)"', original)
    left = {term: at for term, at in terms.items() if term not in OTHER_SENSE.get(path.stem, ())}
    for cell in page.cells:
        if cell.cell_type == "markdown":
            inner = r"(?<=\])\(([\w.]*#)([^)]+)\)"
            cell.source = re.sub(inner, lambda link: f"({link[1]}{anchor(link[2])})", cell.source)
        if cell.cell_type == "raw":  # smalldocs names pages as the notebooks are named
            cell.source = re.sub(r"^output-file:.*\n", "", cell.source, flags=re.M)
        elif cell.source.startswith("[![Open in Colab]"):
            cell.source = sources(path.name, module and module[1])
        elif cell.cell_type == "markdown" and path.stem not in ("start", "index"):
            cell.source = link_terms(cell.source, left)
    nbformat.write(page, path)


def cut(
    path: Path,  # a notebook in _proc/
) -> None:
    "Leave a lesson's title and sources, so that links to it still lead somewhere."
    page = nbformat.read(path, as_version=4)
    page.cells = page.cells[:2]
    nbformat.write(page, path)


def write_sidebar() -> None:
    "The lessons with their times, then the reference."
    file = PAGES / "sidebar.yml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    contents = config["website"]["sidebar"]["contents"]

    def entry(name: str) -> dict[str, str]:
        path = ROOT / "nbs" / name
        return {
            "text": "Front page"
            if name == "index.ipynb"
            else f"{heading(path)} · {minutes(path)}".replace(" min", "\u00a0min"),
            "href": name,
        }

    for i, item in enumerate(contents):
        contents[i] = (
            entry(item) if isinstance(item, str) else item | {"contents": list(map(entry, item["contents"]))}
        )
    modules = sorted(path.name for path in (PAGES / "reference").glob("*.qmd"))
    modules.sort(key="index.qmd".__ne__)
    contents.append({"section": "Reference", "contents": [f"reference/{name}" for name in modules]})
    file.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")


def write_reference() -> None:
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
    rows, built = [], lessons_of_modules()
    for path in sorted((PAGES / "reference").glob("*.qmd")):
        text, (number, *title) = path.read_text(encoding="utf-8"), heading(built[path.stem]).split(" ")
        lesson = f"Built in [lesson {number}, {' '.join(title)}](../{built[path.stem].name}).\n\n"
        path.write_text(readable(text).replace("\n---\n\n", f"\n---\n\n{lesson}", 1), encoding="utf-8")
        module = ast.parse((ROOT / "reid_course" / f"{path.stem}.py").read_text(encoding="utf-8"))
        rows.append(f"| [{path.stem}]({path.name}) | {ast.get_docstring(module)} |")
    text = (
        "---\ntitle: Reference\n---\n\nOne module per lesson.\n\n| module | what it gives |\n| --- | --- |\n"
    )
    (PAGES / "reference" / "index.qmd").write_text(text + "\n".join(rows) + "\n", encoding="utf-8")


def lessons_of_modules() -> dict[str, Path]:
    "The lesson that each module of the package is written in."
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "nbs").glob("*.ipynb")}
    exported = {path: re.search(r'"#\| *default_exp (\w+)', text) for path, text in texts.items()}
    return {found[1]: path for path, found in exported.items() if found}


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


def smalldocs(*arguments: str | Path) -> None:
    "Run smalldocs; its warnings are errors here."
    done = subprocess.run(
        [Path(sys.executable).parent / "smalldocs", *arguments], capture_output=True, text=True
    )
    if done.returncode or "warning" in done.stdout + done.stderr:
        sys.exit(done.stdout + done.stderr)


def stale() -> list[str]:  # names
    "Lessons that show what another code, package or data gave."
    return [path.name for path in NOTEBOOKS if not is_fresh(nbformat.read(path, as_version=4))]


def build(
    names: list[str],  # of notebooks to show whole, for a quick look; none: all
) -> None:
    "The site, in _docs/."
    process()
    terms = glossary()
    for path in PAGES.glob("*.ipynb"):
        write_page(path, terms)
        if names and path.name not in names:
            cut(path)
    write_reference()
    write_sidebar()
    smalldocs("render", PAGES)
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.move(PAGES / SITE.name, SITE)
    shutil.copytree(PAGES / "images", SITE / "images", dirs_exist_ok=True)  # what plain HTML shows, too
    finish_site(taught())


if __name__ == "__main__":
    with chdir(ROOT):
        build(sys.argv[1:])
    print(f"{len(list(SITE.rglob('*.html')))} pages in {SITE.name}/")
    if not sys.argv[1:] and (old := stale()):
        sys.exit(
            f"built, but stale: {', '.join(old)}; expected outputs of the lessons as they are: make lessons"
        )
