"""What makes the site of the notebooks, piece by piece: pages, links, the reference, figures for dark pages."""

import io
import re

import addresses
import docs
import nbformat
import numpy as np
import pandas as pd
import pytest
import reference
import site_files
from bs4 import BeautifulSoup
from lessons import mark
from listing import FRONT, LESSONS, NOTEBOOKS, ROOT, WORKSHOP
from nbdev.doclinks import NbdevLookup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from reid_course.data import ATTRIBUTES


def test_front_page_names_the_lessons_and_their_times():
    page = nbformat.read(FRONT, as_version=4)
    text = "\n".join(c.source for c in page.cells)
    rows = re.findall(r"^\| \[.*?\]\((\S+)\) \|.*\| (.+) \|$", text, re.M)
    assert rows == [(path.name, addresses.minutes(path)) for path in LESSONS]
    shelf = re.findall(r"\((workshop/\w+\.ipynb)\)", text)
    assert shelf and set(shelf) <= {addresses.named(path) for path in WORKSHOP}


def test_stale_lessons_are_named(tmp_path, monkeypatch):
    page = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 + 1")]), page)
    monkeypatch.setattr(docs, "NOTEBOOKS", [page])
    monkeypatch.setattr(docs, "try_is_fresh", lambda: True)
    monkeypatch.setattr(addresses, "NBS", tmp_path)
    assert docs.stale() == ["a.ipynb"]
    lesson = nbformat.read(page, as_version=4)
    lesson.metadata["reid_course"] = mark(lesson)
    nbformat.write(lesson, page)
    assert docs.stale() == []
    monkeypatch.setattr(docs, "try_is_fresh", lambda: False)
    assert docs.stale() == ["results/try/try.html"]


def test_sidebar_has_every_page():
    listed = re.findall(r"- ([\w/]+\.ipynb)", (ROOT / "nbs" / "sidebar.yml").read_text(encoding="utf-8"))
    assert listed[:2] == ["index.ipynb", "start.ipynb"] and len(listed) == len(set(listed))
    assert set(listed) == {addresses.named(path) for path in NOTEBOOKS}
    shelves = ["/" in name for name in listed]
    assert shelves == sorted(shelves), "the course before the workshop"


@pytest.mark.parametrize(
    "text, linked",
    [
        ("An anchor, an anchor", "An [anchor](g#anchor){.term}, an anchor"),
        ("Anchors count", "[Anchors](g#anchor){.term} count"),
        ("anchored, the `anchor`, $anchor$", "anchored, the `anchor`, $anchor$"),
        ("# anchor\n[an anchor](x)", "# anchor\n[an anchor](x)"),
        ("hard triplet mining", "hard [triplet mining](g#mining){.term}"),
        ("| anchor |\n```\nanchor\n```", "| anchor |\n```\nanchor\n```"),
    ],
)
def test_first_mention_is_linked(text, linked):
    assert (
        docs.link_terms(text, {"anchor": "g#anchor", "triplet mining": "g#mining", "triplet": "g#triplet"})
        == linked
    )


def test_words_of_another_sense_are_of_this_glossary_and_these_pages():
    pages = {addresses.address(path).removesuffix(".html") for path in NOTEBOOKS}
    assert set(docs.OTHER_SENSE) <= pages
    assert set().union(*docs.OTHER_SENSE.values()) <= set(addresses.glossary())


def test_glossary_is_read():
    assert {"AP", "mAP", "rank-1"} <= set(addresses.taught()["metrics.html"])
    assert addresses.glossary()["re-identification"] == "start.ipynb#re-identification"


def test_lesson_leads_to_its_sources(tmp_path, monkeypatch):
    lesson = ROOT / "nbs" / "08_triplet.ipynb"
    assert addresses.heading(lesson) == "08 The triplet loss"
    assert re.fullmatch(r"\d+ min", addresses.minutes(lesson))
    links = docs.sources(lesson, {"triplet": "triplet.qmd"})
    for end in ("nbs/08_triplet.ipynb", "(reference/triplet.qmd", "reid_course/triplet.py"):
        assert f"{end})" in links
    monkeypatch.setattr(docs, "PAGES", tmp_path)
    page = tmp_path / "08_triplet.ipynb"
    title = new_markdown_cell("# Title\n\n[a](start.ipynb#The-map), [b](#Here), [c](workshop/files.ipynb)")
    badge = new_markdown_cell("[![Open in Colab](images/colab.svg)](https://x.org)")
    cells = [title, badge, new_code_cell("def triplet_loss():\n    return 1"), new_code_cell("%cd")]
    nbformat.write(new_notebook(cells=cells), page)
    docs.write_page(page, {}, links, {"triplet_loss", "another"})
    page = tmp_path / "triplet.ipynb"  # as nbdev links to it
    first, second, above, place, *_ = nbformat.read(page, as_version=4).cells
    inner = "[a](start.ipynb#the-map), [b](#here), [c](workshop/files.ipynb)"
    assert (first.source, second.source) == (f"# Title\n\n{inner}", links)
    assert place.source == '<div class="places"><span id="triplet_loss"></span></div>'
    assert above.source == '<div class="places"><span id="another"></span></div>', "its code is not shown"
    docs.cut(page)
    assert len(nbformat.read(page, as_version=4).cells) == 2


def test_workshop_leads_to_its_sources(tmp_path, monkeypatch):
    notebook = ROOT / "nbs" / "workshop" / "files.ipynb"
    assert addresses.heading(notebook) == "Files that appear whole"
    links = docs.sources(notebook, {"engine.files": "files.qmd"})
    for end in ("nbs/workshop/files.ipynb", "(../reference/files.qmd", "reid_course/engine/files.py"):
        assert f"{end})" in links
    assert "Colab" not in links
    monkeypatch.setattr(docs, "PAGES", tmp_path)
    page = tmp_path / "workshop" / "files.ipynb"
    page.parent.mkdir()
    printed = new_output("display_data", {"text/markdown": "[b](../10_metrics.ipynb)"})
    cells = [new_markdown_cell("# Title"), new_markdown_cell("[a](../08_triplet.ipynb#See-it), an anchor")]
    nbformat.write(new_notebook(cells=[*cells, new_code_cell("1", outputs=[printed])]), page)
    docs.write_page(page, {"anchor": "start.ipynb#anchor"}, links)
    _, _, text, code = nbformat.read(page, as_version=4).cells
    assert text.source == "[a](../triplet.ipynb#see-it), an [anchor](../start.ipynb#anchor){.term}"
    assert code.outputs[0].data["text/markdown"] == "[b](../metrics.ipynb)"


def test_reference_is_in_shelves():
    pages = {
        "": "reid_course.qmd",
        "triplet": "triplet.qmd",
        "minimarket": "minimarket.qmd",
        "minimarket.people": "people.qmd",
    }
    assert reference.shelves(pages) == {
        "reid_course": ["", "triplet"],
        "reid_course.minimarket": ["minimarket", "minimarket.people"],
    }
    at = ROOT / "nbs"
    assert reference.built_in(at / "08_triplet.ipynb").startswith(
        "Built in [lesson 08, The triplet loss](../triplet.ipynb)"
    )
    assert "workshop page [Errors](../workshop/errors.ipynb)" in reference.built_in(
        at / "workshop" / "errors.ipynb"
    )


def test_other_projects_find_the_pages():
    found = NbdevLookup()
    for name, page in (("engine.files.atomic_write", "workshop/files"), ("triplet.triplet_loss", "triplet")):
        address = f"{page}.html#{name.split('.')[-1]}"
        assert found.doc(f"reid_course.{name}") == f"https://reid-course.github.io/reid_course/{address}"
    assert {addresses.address(path) for path in NOTEBOOKS} >= set(addresses.cross_links())


def test_figure_on_dark():
    figure = Image.new("RGB", (200, 200), "white")
    figure.paste("black", (20, 100, 180, 104))  # a line
    noise = np.random.default_rng(0).integers(60, 200, (60, 60, 3), dtype=np.uint8)
    figure.paste(Image.fromarray(noise), (40, 20))  # a picture
    figure.paste((0, 60, 120), (120, 20, 180, 80))  # a bar
    figure.paste(Image.fromarray(noise[:20, :20] // 2), (40, 150))  # overlapping marks
    turned = _turned(figure)
    assert turned[180, 180, 3] == 0, "no paper"
    assert turned[102, 40, :3].min() > 230 and turned[102, 40, 3] > 230, "light ink"
    far = np.abs(turned[30:70, 50:90, :3].astype(int) - noise[10:50, 10:50])
    assert np.median(far) < 12 and turned[50, 70, 3] == 255, "the picture as it was"
    assert turned[50, 150, 2] > 200 and turned[50, 150, :3].argmax() == 2, "a bar is ink of its own hue"
    assert np.median(turned[152:168, 42:58, :3]) > 160, "small marks are ink"


def test_reference_is_readable():
    union = "_Buffer | _SupportsArray[dtype[Any]] | bytes | str | _NestedSequence[complex | bytes | str]"
    long = f"score(distances: ndarray, cameras: {union} | None = None, *, of: dict[str, int] = {{}}) -> Retrieval"
    page = reference.readable(
        f"```python\n{long}\n```\n\n| returns | dict |  | accuracy_<name> and `<team>` |\n"
    )
    assert (
        "    cameras: ArrayLike | None = None,\n    *,\n    of: dict[str, int] = {},\n) -> Retrieval\n"
        in page
    )
    assert "accuracy_&lt;name&gt; and `<team>`" in page
    row = reference.readable(f"| `attributes` | Sequence[Attribute] | `{ATTRIBUTES!r}` | asked |")
    assert row == "| `attributes` | Sequence[Attribute] | `ATTRIBUTES` | asked |"
    assert reference.readable("```python\nf(a: int) -> int\n```") == "```python\nf(a: int) -> int\n```"


def _turned(figure: Image.Image) -> np.ndarray:
    with io.BytesIO() as file:
        figure.save(file, "PNG")
        return np.asarray(Image.open(io.BytesIO(site_files.on_dark(file.getvalue()))).convert("RGBA"))


def test_page_asks_no_other_host(tmp_path, monkeypatch):
    monkeypatch.setattr(site_files, "SITE", tmp_path)
    page = tmp_path / "reference" / "a.html"
    page.parent.mkdir()
    page.write_text(
        '<head><link href="https://cdn.example/npm/katex@0.16.11/dist/katex.min.css"></head>'
        "<body><style>.dataframe th {color: red}</style><p>In 5 s <code>make</code></p>"
        '<table class="dataframe"></table><section><img src="a.svg"></section></body>'
    )
    site_files.finish(page)
    text = page.read_text()
    assert 'href="../site_libs/katex/katex.min.css"' in text
    assert (
        '<div class="wide"><table' in text and '<div class="wide"><img' in text and "color: red" not in text
    )
    assert "5\u00a0s" in text and '<code class="short">make</code>' in text


def test_one_row_of_headings():
    named = pd.DataFrame(
        {"mAP": [1.0], "rank 1": [2.0]}, pd.MultiIndex.from_tuples([(0, "a")], names=["junk", "way"])
    )
    plain, levels = named.reset_index(), pd.concat({"mean": named}, axis=1)
    for frame, wanted in (
        (named, [["junk", "way", "mAP", "rank 1"]]),
        (plain, [["", "junk", "way", "mAP", "rank 1"]]),
        (named.rename_axis(columns="unit"), None),  # a name for the columns needs its own place
        (levels, None),
    ):
        table = BeautifulSoup(frame.to_html(), "html.parser").table
        before = [[th.get_text() for th in row.find_all("th")] for row in table.thead.find_all("tr")]
        site_files.join_headings(table)
        after = [[th.get_text() for th in row.find_all("th")] for row in table.thead.find_all("tr")]
        assert after == (wanted or before)


def test_katex_is_the_one_that_was_tested(tmp_path, monkeypatch):
    monkeypatch.setattr(site_files, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="npm did not fetch katex@"):
        site_files.add_katex()
    (tmp_path / "build" / site_files.KATEX).write_bytes(b"something else")
    with pytest.raises(SystemExit, match="not the file that was tested"):
        site_files.add_katex()
