"""The classical drawing that the small network learns, and the mask around the person."""

import numpy as np
import pytest

from model.training.plates import Plate, make_plates, target
from model.training.subjects import Hint, NoFaceError, Subject, cut_out, find_face, find_subject
from model.training.teacher import Teacher, draw, edge_tangent_flow
from tests.tools.portraits import portrait


def test_an_edge_becomes_a_line_and_flat_light_stays_paper() -> None:
    gray = np.full((64, 64), 0.9, np.float32)
    gray[:, 32:] = 0.6
    drawing = draw(gray)
    assert drawing[:, 29:36].min(axis=1).max() < 0.3
    assert drawing[:, :24].min() == 1
    assert drawing[:, 41:].min() == 1


def test_dark_regions_are_filled() -> None:
    assert draw(np.full((32, 32), 0.05, np.float32)).max() < 0.1


def test_lines_run_along_an_edge_at_any_angle() -> None:
    y, x = np.mgrid[:64, :64]
    for degrees in (0, 30, 90, 150):
        along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
        side = x * -along[1] + y * along[0]
        flow = edge_tangent_flow((side > side.mean()).astype(np.float32), 3)
        centre = np.array([flow[0][32, 32], flow[1][32, 32]])
        assert abs(centre @ along) == pytest.approx(1, abs=0.02)


def test_a_gap_in_a_line_is_closed_along_the_flow() -> None:
    gray = np.full((64, 64), 0.8, np.float32)
    gray[31:33] = 0.3
    gray[31:33, 31:33] = 0.8
    short, long = (draw(gray, Teacher(along_sigma=sigma))[31:33, 31:33].min() for sigma in (0.5, 4))
    assert long < short


def _subject(face: float) -> tuple[np.ndarray, Subject]:
    """Return a photo of a plain face of that brightness before stripes, with its mask."""
    photo = np.full((128, 128, 3), 200, np.uint8)
    photo[:, ::8] = 20
    photo[32:112, 32:96] = round(255 * face)
    mask = np.zeros((128, 128), np.float32)
    mask[32:112, 32:96] = 1
    return photo, Subject(mask, (40, 40, 48, 64))


@pytest.mark.parametrize("face", [0.2, 0.4, 0.8])
def test_skin_of_any_brightness_stays_paper(face: float) -> None:
    photo, subject = _subject(face)
    assert target(photo, subject)[44:100, 44:84].min() > 0.9


def test_the_background_is_gone_and_the_outline_is_drawn() -> None:
    drawing = target(*_subject(0.8))
    assert drawing[:24].min() == 1
    assert drawing[60, 24:40].min() < 0.5


def test_plates_come_at_every_size_from_one_hint() -> None:
    outline = ((300, 400), (500, 150), (700, 400), (640, 660), (860, 999), (140, 999), (360, 660))
    plates = make_plates(portrait(0), Hint((350, 270, 300, 400), (outline,)))
    for side, plate in plates.items():
        assert isinstance(plate, Plate)
        assert plate.photo.shape == (side, side, 3)
        assert plate.mask.shape == plate.drawing.shape == (side, side)
        assert plate.mask[side // 2, side // 2] == 255
        assert plate.mask[0, 0] == 0
        assert plate.drawing[:, : side // 16].min() > 250


def test_a_photo_without_a_face_needs_a_hint() -> None:
    with pytest.raises(NoFaceError, match="hint"):
        find_face(np.full((200, 200, 3), 128, np.uint8))


def test_a_real_face_is_cut_out_without_a_hint() -> None:
    data = pytest.importorskip("skimage.data")
    photo = data.astronaut()
    mask = find_subject(photo, None).mask
    assert mask[100:180, 200:240].min() > 0.9
    assert mask[:200, 480:].max() < 0.1
    assert 0.2 < mask.mean() < 0.7


def test_cut_out_keeps_one_piece() -> None:
    mask = cut_out(portrait(1), (105, 80, 90, 120))
    assert set(np.unique(mask)) == {0, 1}
    assert mask[140, 150] == 1
