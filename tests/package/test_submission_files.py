"""What is refused when the files of a submission are read back."""

from types import SimpleNamespace

import pytest
from exam import LISTS, TABLE, Network, names

from reid_course.errors import ReidError
from reid_course.submission import validate_submission, write_submission

IMAGE, OTHER, QUERY = "000000.jpg", "000001.jpg", "000000.jpg"


@pytest.fixture(scope="module")
def good(exam, tmp_path_factory) -> SimpleNamespace:
    "A submission without a fault, and what its files say."
    out = write_submission(Network(), exam, tmp_path_factory.mktemp("good"), 3)
    validate_submission(out, exam)
    return SimpleNamespace(out=out, text={name: (out / name).read_text() for name in (TABLE, LISTS)})


def said_of(exam, good, name: str, text: str | bytes) -> str:
    "What is said of a submission in which one file holds something else; its folder's name left out."
    (good.out / name).write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        with pytest.raises(ReidError) as error:
            validate_submission(str(good.out), exam)
    finally:
        (good.out / name).write_text(good.text[name])
    return str(error.value).replace(str(good.out / name), name)


def row(good, changes: dict[str, str]) -> str:
    "The table with other values in its second line."
    lines = good.text[TABLE].splitlines()
    values = dict(zip(lines[0].split(","), lines[1].split(","), strict=True)) | changes
    return "\n".join([lines[0], ",".join(values.values()), *lines[2:]]) + "\n"


VALUES = [
    ({"age": "old"}, "line 2: age is 'old'; expected a whole number"),
    ({"downbrown": "1.0"}, "line 2: downbrown is '1.0'; expected a whole number"),
    ({"age": "²"}, "line 2: age is '²'; expected a whole number"),
    ({"age": "٣"}, "line 2: age is '٣'; expected a whole number"),
    ({"hat": "1" * 10}, "line 2: hat is '1111111111'; expected a whole number"),
    ({"hat": ""}, "line 2: hat is ''; expected a whole number"),
]


def test_values_are_whole_numbers(exam, good):
    for changes, said in VALUES:
        assert said_of(exam, good, TABLE, row(good, changes)) == f"{TABLE}, {said}"


def test_nine_digits_are_a_number_out_of_range(exam, good):
    said = said_of(exam, good, TABLE, row(good, {"hat": "1" * 9}))
    assert said == f"{TABLE}: hat of line 2 is 111111111; expected a whole number from 1 to 2"
    last = good.text[TABLE].splitlines()[-1]
    broken = ",".join([last.split(",")[0], "5", *last.split(",")[2:]])
    said = said_of(exam, good, TABLE, good.text[TABLE].replace(last, broken))
    assert said == f"{TABLE}: age of line {1 + len(exam.gallery)} is 5; expected a whole number from 1 to 4"


def test_form_of_the_table(exam, good):
    text = good.text[TABLE]
    first, second = text.splitlines()[1:3]
    last = names(exam.gallery.path)[-1]
    cases = {
        text.replace("id,age", "id,Age"): "line 1: column 2 is 'Age'; expected 'age'",
        text.replace("id,", "ID,"): "line 1: column 1 is 'ID'; expected 'id'",
        text.replace(",downbrown", ""): "line 1: column 28 is None; expected 'downbrown'",
        text.replace(",downbrown", ",downbrown,more"): "line 1: column 29 is 'more'; expected None",
        text.replace("age", "a" * 50, 1): f"line 1: column 2 is '{'a' * 39}; expected 'age'",
        "": "line 1: column 1 is None; expected 'id'",
        text.replace(first, first + ",1"): "line 2: 29 values; expected 28",
        text.replace(second, ""): "line 3: 0 values; expected 28",
        text.replace(second, first): f"line 3: {IMAGE} comes a second time; expected one line each",
        text.replace(OTHER, "1.jpg"): "line 3: '1.jpg' is no test image; expected its file name",
        text.replace(OTHER, "z" * 60): f"line 3: '{'z' * 39} is no test image; expected its file name",
    }
    for broken, said in cases.items():
        assert said_of(exam, good, TABLE, broken) == f"{TABLE}, {said}"
    missing = {
        text.replace(first + "\n", ""): f"no line for test image {IMAGE}; expected a line for each",
        text.splitlines()[0] + "\n" + first + "\n": (
            f"no line for test image {OTHER} and {len(exam.gallery) - 2} more; expected a line for each"
        ),
        "\n".join(text.splitlines()[:-2]): (
            f"no line for test image {names(exam.gallery.path)[-2]} and 1 more; expected a line for each"
        ),
        "\n".join(text.splitlines()[:-1]): f"no line for test image {last}; expected a line for each",
    }
    for broken, said in missing.items():
        assert said_of(exam, good, TABLE, broken) == f"{TABLE}: {said}"


def test_a_quote_without_end_is_no_table(exam, good):
    huge = good.text[TABLE].replace(OTHER, '"' + "x" * 140_000)
    said = said_of(exam, good, TABLE, huge)
    assert said == (
        f"{TABLE}: not a readable table (field larger than field limit (131072)); expected comma-separated columns"
    )


def test_form_of_the_lists(exam, good):
    text = good.text[LISTS]
    lines = text.splitlines()
    first = lines[0].partition(": ")[2].split(", ")
    cases = {
        text.replace(lines[1], lines[1].partition(":")[0] + ": "): (
            "line 2: a query without a list; expected NAME: FILE, FILE, best first"
        ),
        text.replace(first[1], "nobody.jpg", 1): (
            "line 1: 'nobody.jpg' is no test image; expected names with ', ' between"
        ),
        text.replace(first[1], "y" * 60, 1): (
            f"line 1: '{'y' * 39} is no test image; expected names with ', ' between"
        ),
        text.replace(f"{first[0]}, {first[1]}", f"{first[0]}, {first[0]}", 1): (
            f"line 1: {first[0]} is listed twice; expected once"
        ),
        text.replace(lines[0], f"{lines[0]}: more", 1): (
            f"line 1: {first[2] + ': more'!r} is no test image; expected names with ', ' between"
        ),
        text.replace(lines[1], lines[0]): f"line 2: {QUERY} comes a second time; expected one line each",
        "\n".join([lines[0], "who.jpg" + lines[1][len(QUERY) :], *lines[2:]]): (
            "line 2: 'who.jpg' is no query; expected its file name"
        ),
    }
    for broken, said in cases.items():
        assert said_of(exam, good, LISTS, broken) == f"{LISTS}, {said}"
    said = said_of(exam, good, LISTS, "\n".join(lines[:-1]))
    assert said == f"{LISTS}: no line for query {lines[-1].partition(':')[0]}; expected a line for each"


def test_text_is_utf_8(exam, good):
    for name in (TABLE, LISTS):
        whole = good.text[name].encode()
        at = whole.index(b"\n", whole.index(b"\n") + 1) + 1
        assert said_of(exam, good, name, whole[:at] + b"\xff" + whole[at:]) == (
            f"{name}, line 3: not text; expected UTF-8"
        )
