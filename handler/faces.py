"""Faces in a photo, and the square around one that the network likes best.

Detector and margins are those of the published u2net_portrait_demo.py: OpenCV's Haar cascade for frontal faces,
0.4 of the face's width left and right, 0.6 of its height above and 0.2 below, white where the photo ends.
"""

import functools
from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np

from handler.arrays import Gray, Photo

# The published one, and one that sees darker faces and half-turned ones, asked where the first sees none.
CASCADES = ("haarcascade_frontalface_default.xml", "haarcascade_frontalface_alt2.xml")
SEARCHED_SIDE = 320
SMALLEST_FACE = 26  # of the searched side; anything smaller is no portrait
SCALE_STEP = 1.1
NEIGHBOURS = 3
SURE = 3.0  # weights as the cascade's last stage gives them; ghosts in leaves and cloth stay low
SMALLEST_BESIDE = 0.25  # of the widest face in the photo
MARGIN_SIDE, MARGIN_TOP, MARGIN_BOTTOM = 0.4, 0.6, 0.2


class Box(NamedTuple):
    """Where a face is, in the photo's pixels."""

    left: int
    top: int
    width: int
    height: int


def find_faces(photo: Photo) -> list[Box]:
    """uint8 (H, W, 3) RGB -> the upright frontal faces in it, the surest first."""
    scale = min(1.0, SEARCHED_SIDE / max(photo.shape))
    height, width = (max(1, round(side * scale)) for side in photo.shape[:2])
    small = cv2.resize(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), (width, height), interpolation=cv2.INTER_AREA)
    found = next(filter(None, (_detected(small, name) for name in CASCADES)), [])
    return [Box(*(round(value / scale) for value in box)) for box in found]


def face_square(photo: Photo, face: Box) -> Photo:
    """The square of the photo that shows the face with its hair and neck: uint8 (S, S, 3)."""
    left, right = face.left - MARGIN_SIDE * face.width, face.left + (1 + MARGIN_SIDE) * face.width
    top, bottom = face.top - MARGIN_TOP * face.height, face.top + (1 + MARGIN_BOTTOM) * face.height
    side = max(1, round(max(right - left, bottom - top)))
    return _cut(photo, round((top + bottom - side) / 2), round((left + right - side) / 2), side)


def _detected(gray: Gray, cascade: str) -> list[Box]:
    found, _, weights = _detector(cascade).detectMultiScale3(
        gray, SCALE_STEP, NEIGHBOURS, minSize=(SMALLEST_FACE, SMALLEST_FACE), outputRejectLevels=True
    )
    ranked = sorted(zip(map(float, weights), (Box(*map(int, box)) for box in found), strict=True), reverse=True)
    sure = [box for weight, box in ranked if weight >= SURE]
    widest = max((box.width for box in sure), default=0)
    return _apart(box for box in sure if box.width >= SMALLEST_BESIDE * widest)


def _apart(boxes: Iterable[Box]) -> list[Box]:
    """Without those whose centre lies in one before: the same face seen twice."""
    kept: list[Box] = []
    for box in boxes:
        x, y = box.left + box.width / 2, box.top + box.height / 2
        if not any(0 <= x - k.left <= k.width and 0 <= y - k.top <= k.height for k in kept):
            kept.append(box)
    return kept


def _cut(photo: Photo, first_row: int, first_column: int, side: int) -> Photo:
    """A square of the photo, white where it reaches beyond."""
    square = np.full((side, side, 3), 255, np.uint8)
    part = photo[max(0, first_row) : first_row + side, max(0, first_column) : first_column + side]
    row, column = max(0, -first_row), max(0, -first_column)
    square[row : row + part.shape[0], column : column + part.shape[1]] = part
    return square


@functools.cache
def _detector(cascade: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(cv2.data.haarcascades + cascade)
