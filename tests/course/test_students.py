"""Copies of the lessons for students: the same, without solutions."""

import re

from listing import FRONT, LESSONS, label
from notebooks import code, prose
from students import make_students


def test_students_get_no_solution(tmp_path):
    copies = make_students(tmp_path / "student")
    assert [path.name for path in copies] == [path.name for path in (FRONT, *LESSONS)]
    for path in copies:
        cells = code(path)
        text = "\n".join(cell.source for cell in cells)
        assert "#| solution" not in text and "](workshop/" not in prose(path)
        own = re.findall(rf'^check\("{label(path)}", \w+\)', text, re.M)
        assert text.count('raise NotImplementedError("your turn")') == len(own)
        assert not any("jupyter" in cell.metadata for cell in cells), "a stub is to be seen"
