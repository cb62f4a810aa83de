"""Searching by words: several answers of one attribute are alternatives, however they are given."""

import pytest

from reid_course.cli.main import main
from reid_course.minimarket import make_minimarket
from reid_course.model import build_model, save_model


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    "A search in a small data set, without its conditions."
    root = tmp_path_factory.mktemp("where")
    make_minimarket(root / "set", 6, (32, 16), images_per_identity=4)
    save_model(build_model(size=(32, 16), strides="imagenet"), root / "run" / "best.safetensors")
    return ["search", str(root / "run"), "--data", str(root / "set"), "--top", "100"]


def found(
    capsys: pytest.CaptureFixture,
    asked: list[str],
    *where: str,
) -> list[str]:
    "The lines that a search prints."
    assert main([*asked, *where]) == 0
    return capsys.readouterr().out.splitlines()


def test_conditions_on_one_attribute_are_alternatives(asked: list[str], capsys: pytest.CaptureFixture):
    together = found(capsys, asked, "--where", "uppercolor=red,blue", "hat=no")
    assert found(capsys, asked, "--where", "uppercolor=red", "hat=no", "uppercolor=blue") == together
    assert (
        found(capsys, asked, "--where", "uppercolor=red", "hat=no", "--where", "uppercolor=blue") == together
    )
    assert found(capsys, asked, "--where", "uppercolor=red,blue,red", "hat=no", "hat=no") == together
    assert found(capsys, asked, "--where", "uppercolor=blue", "hat=no") != together
