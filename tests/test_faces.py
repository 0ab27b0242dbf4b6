import cv2
import numpy as np
import pytest
import skimage.data

from handler.arrays import Photo
from handler.faces import Box, face_square, find_faces

ASTRONAUT = skimage.data.astronaut()
FACE = (224, 116)  # the middle between her eyes and her mouth: x, y


def holds(box: Box, point: tuple[float, float]) -> bool:
    return box.left < point[0] < box.left + box.width and box.top < point[1] < box.top + box.height


@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_the_astronauts_face_is_the_one_found(scale: float) -> None:
    faces = find_faces(cv2.resize(ASTRONAUT, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    assert len(faces) == 1
    assert holds(faces[0], (FACE[0] * scale, FACE[1] * scale))
    assert 80 * scale < faces[0].width < 130 * scale


def test_several_faces_are_all_found() -> None:
    portrait = ASTRONAUT[:300, 80:380]
    faces = find_faces(np.hstack([portrait, portrait[:, ::-1]]))
    assert len(faces) == 2
    assert {holds(face, (FACE[0] - 80, FACE[1])) for face in faces} == {True, False}


@pytest.mark.parametrize(
    "photo", [skimage.data.coffee(), np.zeros((1, 1, 3), np.uint8), np.full((9, 4000, 3), 200, np.uint8)]
)
def test_no_face_is_no_error(photo: Photo) -> None:
    assert find_faces(photo) == []


@pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180])
def test_a_turned_photo_is_searched_as_it_is(turn: int) -> None:
    for face in find_faces(cv2.rotate(ASTRONAUT, turn)):
        assert face_square(ASTRONAUT, face).shape[2] == 3


def test_the_square_has_the_published_margins() -> None:
    photo = np.random.default_rng(0).integers(0, 255, (400, 500, 3), dtype=np.uint8)
    square = face_square(photo, Box(200, 150, 100, 100))
    assert np.array_equal(square, photo[90:270, 160:340])


def test_the_square_is_white_where_the_photo_ends() -> None:
    photo = np.zeros((120, 110, 3), np.uint8)
    square = face_square(photo, Box(5, 10, 100, 100))
    assert square.shape == (180, 180, 3)
    inside = np.zeros((180, 180), bool)
    inside[50:170, 35:145] = True
    assert (square[inside] == 0).all()
    assert (square[~inside] == 255).all()


def test_an_oblong_box_still_gives_a_square() -> None:
    square = face_square(np.zeros((400, 400, 3), np.uint8), Box(100, 100, 80, 120))
    assert square.shape == (216, 216, 3)
