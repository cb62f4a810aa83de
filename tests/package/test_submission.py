"""A submission against plain versions of its lists, its table and its rules; the network is a table of numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from exam import LISTS, TABLE, Network, names

from reid_course.data import ANNOTATION_COLUMNS, ATTRIBUTES, Dataset
from reid_course.distractors import junk_score
from reid_course.errors import ReidError
from reid_course.images import ImageStore
from reid_course.model import Predictions
from reid_course.submission import duplicate_positions, validate_submission, write_submission


def cells(number: int, name: str, classes: int) -> dict[str, int]:
    "What the organisers' table holds for one answer, by the words of their read-me."
    if name == "uppercolor":
        colours = ["upblack", "upwhite", "upred", "uppurple", "upyellow", "upgray", "upblue", "upgreen"]
    elif name == "lowercolor":
        colours = ["downblack", "downwhite", "downpink", "downpurple", "downyellow", "downgray", "downblue"]
        colours += ["downgreen", "downbrown"]
    else:
        return {name: number + 1}
    assert classes == len(colours) + 1
    return {colour: 2 if i == number else 1 for i, colour in enumerate(colours)}


@pytest.mark.parametrize("top, quantile", [(3, None), (200, None), (200, 0.5)])
def test_files_are_what_the_rules_say(exam, tmp_path, top, quantile):
    gallery, queries = (
        Network().predict(ImageStore(x.path, Network.size)) for x in (exam.gallery, exam.query)
    )
    logits, scores = gallery.logits, junk_score(gallery)
    how = {} if quantile is None else {"threshold": np.quantile(scores, quantile, method="lower")}
    assert write_submission(Network(), exam, tmp_path / "out", top, **how) == tmp_path / "out"
    table = pd.read_csv(tmp_path / "out" / TABLE)
    assert list(table) == ["id", *ANNOTATION_COLUMNS] and table.id.tolist() == names(exam.gallery.path)
    for i, row in enumerate(table.to_dict("records")):
        wanted = {}
        for a in ATTRIBUTES:
            wanted |= cells(int(logits[a.name][i].argmax()), a.name, len(a.classes))
        assert {column: row[column] for column in ANNOTATION_COLUMNS} == wanted
    files = names(exam.gallery.path)
    contents = [Path(path).read_bytes() for path in exam.gallery.path]
    lines = []
    for query, path in zip(queries.embeddings, exam.query.path, strict=True):
        far = [float(((query - x) ** 2).sum()) for x in gallery.embeddings]
        order = sorted(range(len(far)), key=lambda i: (far[i], i))
        own = Path(path).read_bytes()
        best = [files[i] for i in order if contents[i] != own and scores[i] <= how.get("threshold", np.inf)]
        lines.append(f"{Path(path).name}: {', '.join(best[:top])}")
    assert (tmp_path / "out" / LISTS).read_text() == "\n".join(lines) + "\n"


def test_lists_are_two_hundred_long_unless_told_otherwise(exam, tmp_path):
    many = pd.concat([exam.gallery] * 7, ignore_index=True)
    large = Dataset(exam.root, exam.layout, exam.train, exam.query, many)
    write_submission(Network(), large, str(tmp_path))
    for line in (tmp_path / LISTS).read_text().splitlines():
        assert line.count(", ") == 199


def test_refusals(exam, tmp_path):
    for top in (0, -1):
        with pytest.raises(ReidError, match=rf"^top is {top}; expected 1 or more$"):
            write_submission(Network(), exam, tmp_path, top)
    write_submission(Network(), exam, tmp_path, 1)
    empty = [(exam.query[:0], exam.gallery), (exam.query, exam.gallery[:0])]
    for query, gallery in empty:
        with pytest.raises(ReidError) as error:
            write_submission(Network(), Dataset(exam.root, exam.layout, exam.train, query, gallery), tmp_path)
        assert str(error.value) == f"{exam.root} has no query or no test images; expected both"
    with pytest.raises(ReidError) as error:
        write_submission(Network(()), exam, tmp_path)
    assert (
        str(error.value)
        == "this network does not predict age; a submission needs the report's twelve attributes"
    )
    one = Dataset(exam.root, exam.layout, exam.train, exam.query[:1], exam.gallery[:1])
    write_submission(Network(), one, tmp_path)
    assert [len((tmp_path / name).read_text().splitlines()) for name in (TABLE, LISTS)] == [2, 1]
    for name in (TABLE, LISTS):
        (tmp_path / name).rename(tmp_path / "away")
        with pytest.raises(ReidError) as error:
            validate_submission(tmp_path, exam)
        assert str(error.value) == f"{tmp_path / name} is missing; expected both files of a submission"
        (tmp_path / "away").rename(tmp_path / name)


def test_copies_are_found_by_their_bytes(tmp_path):
    for name, text in {"a": "one", "b": "two", "c": "one ", "d": "two", "e": "three", "f": ""}.items():
        (tmp_path / name).write_text(text)
    found = duplicate_positions([tmp_path / n for n in "aedf"], [str(tmp_path / n) for n in "cbad"])
    assert [own.tolist() for own in found] == [[2], [], [1, 3], []]
    assert {own.dtype for own in found} == {np.dtype(np.int64)}


def test_every_copy_of_a_query_is_left_out(exam, tmp_path):
    "Two of the test images are the same file: neither stands in the list of the query that is a third."
    second = tmp_path / "999999.jpg"
    second.write_bytes(Path(exam.query.path.iloc[0]).read_bytes())
    gallery = pd.concat([exam.gallery, exam.gallery[:1].assign(path=str(second))], ignore_index=True)
    data = Dataset(exam.root, exam.layout, exam.train, exam.query, gallery)
    write_submission(Network(), data, tmp_path / "out")
    first, *others = (tmp_path / "out" / LISTS).read_text().splitlines()
    assert first.count(", ") == len(gallery) - 3 and second.name not in first
    assert all(second.name in line and line.count(", ") == len(gallery) - 2 for line in others)


# What is only strange


def strange(exam, tmp_path, answers: dict[str, np.ndarray], known: dict[str, np.ndarray]) -> list[str]:
    "The warnings about answers, given what is known of the training."
    n = len(exam.gallery)

    class Fixed(Network):
        def predict(self, images):
            table = {a.name: np.zeros((len(images), len(a.classes))) for a in ATTRIBUTES}
            for name, numbers in answers.items():
                if len(images) == n:
                    table[name][np.arange(n), numbers] = 1.0
            return Predictions(np.zeros((len(images), 2), np.float32), table, self.schema)

    length = len(next(iter(known.values()))) if known else 1
    zeros = {a.name: np.zeros(length, int) for a in ATTRIBUTES}
    train = pd.DataFrame({"path": "x.jpg", "pid": np.arange(length) + 1} | zeros | known)
    data = Dataset(exam.root, exam.layout, train, exam.query, exam.gallery)
    return validate_submission(write_submission(Fixed(), data, tmp_path), data)


def test_answers_spread_otherwise_are_told(exam, tmp_path):
    n = len(exam.gallery)
    ages = np.zeros(n, int)
    ages[: n // 2] = 2
    known = np.array([0] * 6 + [1] * 3 + [-1] * 20 + [3])
    said = strange(exam, tmp_path, {"age": ages}, {"age": known})
    share = round(100 * (n // 2) / n)
    assert said == [f"age: {share} % of the answers are adult, 0 % in training"]


def test_a_quarter_is_not_yet_strange(exam, tmp_path):
    exam = Dataset(exam.root, exam.layout, exam.train, exam.query, exam.gallery[:28])
    for yes, told in ((7, []), (8, ["hat: 29 % of the answers are yes, 0 % in training"])):
        hats = np.repeat([1, 0], [yes, 28 - yes])
        assert strange(exam, tmp_path, {"hat": hats}, {"hat": np.zeros(8, int)}) == told
    all_of = np.ones(28, int)
    assert strange(exam, tmp_path, {"hat": all_of}, {"hat": -np.ones(8, int)}) == []
    assert strange(exam, tmp_path, {"hat": all_of, "gender": all_of}, {}) == [
        "hat: 100 % of the answers are yes, 0 % in training",
        "gender: 100 % of the answers are female, 0 % in training",
    ]
    known = np.repeat([1, 0], [6, 4])
    assert strange(exam, tmp_path, {"hat": all_of}, {"hat": known}) == [
        "hat: 100 % of the answers are yes, 60 % in training"
    ]
    half = np.repeat([1, 0], [14, 14])  # of the answers, where the one person known says yes
    assert strange(exam, tmp_path, {"hat": half}, {"hat": np.ones(1, int)}) == [
        "hat: 50 % of the answers are no, 0 % in training"
    ]
