"""Faces in a photo, and the square around one that the network likes best.

Detector and margins are those of the published u2net_portrait_demo.py: OpenCV's Haar cascade for frontal faces,
0.4 of the face's width left and right, 0.6 of its height above and 0.2 below, white where the photo ends.
"""

import functools
from typing import NamedTuple

import cv2
import numpy as np

from handler.styles import Photo


class Box(NamedTuple):
    """Where a face is, in the photo's pixels."""

    left: int
    top: int
    width: int
    height: int


SEARCHED_SIDE = 640  # a face too small to be seen at this size is no portrait
SMALLEST_FACE = 40
SCALE_STEP = 1.1
NEIGHBOURS = 6

MARGIN_SIDE, MARGIN_TOP, MARGIN_BOTTOM = 0.4, 0.6, 0.2


def find_faces(photo: Photo) -> list[Box]:
    """uint8 (H, W, 3) RGB -> the upright frontal faces in it, largest first."""
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, SEARCHED_SIDE / max(gray.shape))
    if scale < 1:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = _detector().detectMultiScale(gray, SCALE_STEP, NEIGHBOURS, minSize=(SMALLEST_FACE, SMALLEST_FACE))
    boxes = [Box(*(round(float(value) / scale) for value in box)) for box in found]
    return sorted(boxes, key=lambda box: (-box.width * box.height, box))


def face_square(photo: Photo, face: Box) -> Photo:
    """The square part of the photo that shows the face with hair and shoulders: uint8 (S, S, 3)."""
    left, right = face.left - MARGIN_SIDE * face.width, face.left + (1 + MARGIN_SIDE) * face.width
    top, bottom = face.top - MARGIN_TOP * face.height, face.top + (1 + MARGIN_BOTTOM) * face.height
    side = round(max(right - left, bottom - top))
    first_row, first_column = round((top + bottom - side) / 2), round((left + right - side) / 2)
    return _cut(photo, first_row, first_column, side)


def _cut(photo: Photo, first_row: int, first_column: int, side: int) -> Photo:
    """A square of the photo, white where it reaches beyond."""
    height, width = photo.shape[:2]
    square = np.full((side, side, 3), 255, np.uint8)
    rows = slice(max(0, first_row), max(0, min(height, first_row + side)))
    columns = slice(max(0, first_column), max(0, min(width, first_column + side)))
    part = photo[rows, columns]
    row, column = rows.start - first_row, columns.start - first_column
    square[row : row + part.shape[0], column : column + part.shape[1]] = part
    return square


@functools.cache
def _detector() -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
