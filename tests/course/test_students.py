"""Copies of the lessons for students: the same, without solutions."""

import nbformat
from listing import FRONT, LESSONS
from notebooks import code, prose
from students import is_solution, make_students


def lines(source: str) -> set[str]:
    "What a cell says, line by line, but for what every function may say."
    return {line.strip() for line in source.splitlines() if len(line.strip()) > 16}


COMMON = {  # what any module or any step of a training says, whatever it is asked for
    "def __init__(self):",
    "super().__init__()",
    "with torch.no_grad():",
    "optimizer.zero_grad()",
}


def test_students_get_no_solution(tmp_path):
    copies = make_students(tmp_path / "student")
    assert [path.name for path in copies] == [path.name for path in (FRONT, *LESSONS)]
    for original, path in zip((FRONT, *LESSONS), copies, strict=True):
        kept = [cell.source for cell in code(original) if not is_solution(cell.source)]
        assert [cell.source for cell in code(path)] == kept, "nothing but the solutions goes"
        assert not any(cell.outputs for cell in code(path)) and "](workshop/" not in prose(path)


def test_no_line_of_a_solution_is_anywhere_in_the_students_folder(tmp_path):
    given = lines(
        "\n".join(cell.source for path in make_students(tmp_path / "student") for cell in code(path))
    )
    for path in LESSONS:
        cells = nbformat.read(path, as_version=4).cells
        stubs = lines("\n".join(c.source for c in cells if "# yours" in c.source)) | COMMON
        for cell in cells:
            if is_solution(cell.source):
                own = {
                    line
                    for line in lines(cell.source) - stubs
                    if not line.startswith(("#|", "from ", "import "))
                }
                assert not own & given, f"{path.name}: {own & given}"
