import numpy as np

from handler.styles import STYLES
from scripts.pictures.make_gallery import CAPTION_HEIGHT, GAP, PANEL_SIDE, PANELS, in_rows, panel


def test_the_gallery_shows_every_style() -> None:
    assert {options.style for options in PANELS.values() if options} == set(STYLES)


def test_a_transparent_picture_lies_on_a_chequerboard() -> None:
    ink = np.zeros((40, 40, 4), np.uint8)
    ink[10:30, 10:30, 3] = 255
    levels = np.asarray(panel("ink", ink))
    middle = PANEL_SIDE // 2
    assert not levels[middle - 50 : middle + 50, middle - 50 : middle + 50].any()
    assert set(np.unique(levels[:40, :40])) == {205, 255}


def test_a_caption_stands_below_the_picture() -> None:
    white = np.full((8, 8, 3), 255, np.uint8)
    assert np.asarray(panel("draw", white))[PANEL_SIDE:].min() < 100
    assert np.asarray(panel("", white)).min() == 255


def test_panels_stand_in_rows() -> None:
    panels = [panel("", np.full((8, 8), level, np.uint8)) for level in (0, 50, 100, 150)]
    sheet = in_rows(panels, 3)
    levels = np.asarray(sheet)
    assert sheet.size == (3 * PANEL_SIDE + 2 * GAP, 2 * (PANEL_SIDE + CAPTION_HEIGHT) + GAP)
    row, column = PANEL_SIDE + CAPTION_HEIGHT + GAP + 10, PANEL_SIDE + GAP + 10
    assert [int(levels[y, x, 0]) for y, x in ((10, 10), (10, column), (row, 10))] == [0, 50, 150]
