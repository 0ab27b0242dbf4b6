import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.tools import renew_goldens
from tests.tools.goldens import FOLDER, GOLDENS, LEAST_SIMILARITY, MOST_LEVELS, difference, stored


@pytest.mark.parametrize("name", GOLDENS)
def test_todays_picture_is_the_golden_one(name: str) -> None:
    golden, picture = stored(name), GOLDENS[name].picture()
    assert golden is not None, "no golden picture: python -m tests.tools.renew_goldens"
    assert golden.shape == picture.shape
    levels, similarity = difference(golden, picture)
    assert levels <= MOST_LEVELS, "if the change is meant: python -m tests.tools.renew_goldens"
    assert similarity >= LEAST_SIMILARITY, "if the change is meant: python -m tests.tools.renew_goldens"


def test_no_golden_picture_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.png")} == set(GOLDENS)


@pytest.mark.parametrize("name", GOLDENS)
def test_a_shift_by_one_pixel_is_noticed(name: str) -> None:
    picture = GOLDENS[name].picture()
    levels, similarity = difference(picture, np.roll(picture, 1, axis=1))
    assert levels > MOST_LEVELS or similarity < LEAST_SIMILARITY


def test_renewing_replaces_what_changed_and_shows_before_and_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    goldens, sheets = tmp_path / "golden", tmp_path / "sheets"
    shutil.copytree(FOLDER, goldens)
    cv2.imwrite(str(goldens / "sketch.png"), np.full((192, 192), 255, np.uint8))
    arguments = ["--folder", str(goldens), "--sheets", str(sheets)]
    assert renew_goldens.main(arguments) == 0
    assert "sketch.png" in capsys.readouterr().out
    assert [sheet.name for sheet in sheets.iterdir()] == ["sketch.png"]
    before, after = np.hsplit(cv2.imread(str(sheets / "sketch.png"), cv2.IMREAD_GRAYSCALE), 2)
    assert before.min() == 255
    assert np.array_equal(after, GOLDENS["sketch"].picture())
    assert renew_goldens.main(arguments) == 0
    assert "nothing to renew" in capsys.readouterr().out
