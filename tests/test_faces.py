from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from handler.arrays import Photo
from handler.faces import SQUARE_ABOVE, SQUARE_SIDE, Face, FaceFinder, face_square
from handler.finders import Finders

ASTRONAUT = skimage.data.astronaut()
FACE = (224, 116)  # the middle between her eyes and her mouth: x, y
PHOTOS = Path(__file__).parents[1] / ".." / "shared" / "photos"


@pytest.fixture
def finder(finders: Finders) -> FaceFinder:
    assert finders.faces
    return finders.faces


def holds(face: Face, point: tuple[float, float]) -> bool:
    return face.left < point[0] < face.left + face.width and face.top < point[1] < face.top + face.height


@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_the_astronauts_face_is_the_one_found(finder: FaceFinder, scale: float) -> None:
    faces = finder.find(cv2.resize(ASTRONAUT, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    assert len(faces) == 1
    assert holds(faces[0], (FACE[0] * scale, FACE[1] * scale))
    assert 70 * scale < faces[0].width < 130 * scale


@pytest.mark.parametrize("margin", [(0, 300), (300, 0)])
def test_a_face_is_where_it_is_whatever_the_photos_aspect(finder: FaceFinder, margin: tuple[int, int]) -> None:
    """The photo is letter-boxed for the model: nothing may be off by the box's border."""
    across, down = margin
    photo = cv2.copyMakeBorder(ASTRONAUT, 0, down, 0, across, cv2.BORDER_REPLICATE)
    (face,) = finder.find(photo)
    assert np.hypot(face.centre[0] - FACE[0], face.centre[1] - FACE[1]) < 25


def test_several_faces_are_all_found_the_largest_first(finder: FaceFinder) -> None:
    portrait = ASTRONAUT[:300, 80:380]
    smaller = np.full_like(portrait, 128)
    smaller[:210, :210] = cv2.resize(portrait, (210, 210), interpolation=cv2.INTER_AREA)
    first, second = finder.find(np.hstack([smaller, portrait]))
    assert holds(first, (FACE[0] - 80 + 300, FACE[1]))
    assert holds(second, ((FACE[0] - 80) * 0.7, FACE[1] * 0.7))


@pytest.mark.parametrize(
    "photo", [skimage.data.coffee(), np.zeros((1, 1, 3), np.uint8), np.full((9, 4000, 3), 200, np.uint8)]
)
def test_no_face_is_no_error(finder: FaceFinder, photo: Photo) -> None:
    assert finder.find(photo) == []


@pytest.mark.parametrize("degrees", [-40, -20, 20, 40])
def test_a_tilted_head_tells_where_its_top_is(finder: FaceFinder, degrees: int) -> None:
    turn = cv2.getRotationMatrix2D(FACE, degrees, 1)
    (face, *_) = finder.find(cv2.warpAffine(ASTRONAUT, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE))
    assert np.degrees(np.arctan2(-face.up[0], -face.up[1])) == pytest.approx(degrees, abs=16)


def test_the_same_photo_gives_the_same_faces_whatever_was_seen_before(finder: FaceFinder) -> None:
    first = finder.find(ASTRONAUT)
    finder.find(skimage.data.coffee())
    assert finder.find(ASTRONAUT) == first


def upright(left: float, top: float, width: float) -> Face:
    return Face(left, top, width, width, (0, -1), 1)


def test_the_square_lies_around_the_face_and_higher() -> None:
    photo = np.random.default_rng(0).integers(0, 255, (400, 500, 3), dtype=np.uint8)
    square = face_square(photo, upright(200, 150, 100))
    side = round(100 * SQUARE_SIDE)
    left, top = 250 - side // 2, round(200 - 100 * SQUARE_ABOVE) - side // 2
    assert np.array_equal(square, photo[top : top + side, left : left + side])


def test_the_square_of_a_tilted_head_follows_its_top() -> None:
    photo = np.random.default_rng(0).integers(0, 255, (400, 500, 3), dtype=np.uint8)
    square = face_square(photo, Face(200, 150, 100, 100, (1, 0), 1))
    side = round(100 * SQUARE_SIDE)
    left = round(250 + 100 * SQUARE_ABOVE) - side // 2
    assert np.array_equal(square, photo[200 - side // 2 : 200 + side // 2, left : left + side])


@pytest.mark.parametrize(("left", "top"), [(-20, 10), (380, 10), (5, 330)])
def test_a_square_that_reaches_beyond_the_photo_is_moved_into_it(left: int, top: int) -> None:
    photo = np.zeros((400, 450, 3), np.uint8)
    square = face_square(photo, upright(left, top, 100))
    assert square.shape == (round(100 * SQUARE_SIDE), round(100 * SQUARE_SIDE), 3)
    assert not square.any()


def test_the_square_is_white_where_the_photo_is_too_small_for_it() -> None:
    photo = np.zeros((120, 110, 3), np.uint8)
    square = face_square(photo, upright(5, 10, 100))
    side = round(100 * SQUARE_SIDE)
    assert square.shape == (side, side, 3)
    inside = np.zeros((side, side), bool)
    row, column = (side - 120) // 2, (side - 110) // 2
    inside[row : row + 120, column : column + 110] = True
    assert (square[inside] == 0).mean() > 0.98
    assert (square[~inside] == 255).mean() > 0.98


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the portraits, ../shared/photos, are not here")
def test_portraits_have_one_face_each(finder: FaceFinder) -> None:
    """Which boxes are right was looked at; here it is only counted."""
    counts = [len(finder.find(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB))) for path in sorted(PHOTOS.glob("*.jpg"))]
    assert len(counts) == 80
    assert counts.count(1) >= 79
