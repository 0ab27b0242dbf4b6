"""Faces in a photo, and the square around one that the network likes best.

Faces are found by MediaPipe's BlazeFace for short range (Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face
Detection on Mobile GPUs", 2019; model card "BlazeFace (short range)", Google, Apache-2.0; see model/person/README.md).

The square is that of the published u2net_portrait_demo.py, which has 0.4 of the face's width left and right of it, 0.6
of its height above and 0.2 below. Its faces are those of OpenCV's Haar cascade, so the margins were fitted anew.
"""

import threading
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from handler.arrays import Photo, View

Floats = NDArray[np.float32]

MODEL_SIDE = 128
GRIDS = ((16, 2), (8, 6))  # cells on a side, and anchors in each: 896 in all, of which only the centres matter
LEAST_SCORE = 0.5
SURE_SCORE = 0.75  # a face less sure than that is looked at once more, closer: leaves and hands are none then
CLOSER = 3.0  # side of what is looked at then, in widths of the face,
LEAST_CLOSER = 0.6  # and the least score from there; both tuned on 80 portraits
SAME = 0.3  # two boxes that share more of what both cover are of one face,
SAME_INSIDE = 0.6  # and so are two of which one lies in the other by so much
# The medians of 67 portraits where Haar's box and this one agree: Haar's is 1.13 as wide, its centre 0.115 higher.
SQUARE_SIDE = 2.04  # of the box's width: (1 + 2 x 0.4) x 1.13
SQUARE_ABOVE = 0.34  # how far the square's centre lies above the box's, of its width: 0.115 + (0.6 - 0.2) / 2 x 1.13
# Rows of what the model says of a box; each is a place, x and y.
_CENTRE, _SIZE, _RIGHT_EYE, _LEFT_EYE, _NOSE, _MOUTH = range(6)  # then the ears


class Face(NamedTuple):
    """Where a face is, in the photo's pixels; it may reach beyond the photo."""

    left: float
    top: float
    width: float
    height: float
    up: tuple[float, float]  # the unit vector from mouth to eyes: (0, -1) for a head held upright
    score: float  # how surely it is one, 0.5 to 1

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box: x and y."""
        return self.left + self.width / 2, self.top + self.height / 2

    def holds(self, point: tuple[float, float]) -> bool:
        """Return whether the point, x and y, lies in the box."""
        return 0 <= point[0] - self.left <= self.width and 0 <= point[1] - self.top <= self.height

    def moved(self, right: float, down: float) -> "Face":
        """Return the same face, so many pixels further."""
        return self._replace(left=self.left + right, top=self.top + down)


class FaceFinder:
    """The model, loaded; threads may share it."""

    def __init__(self, path: Path) -> None:
        """Read the model's file, .tflite. Raises `cv2.error` for what is none."""
        self._network = cv2.dnn.readNetFromTFLite(str(path))
        self._alone = threading.Lock()  # the network keeps its input between two calls

    def find(self, photo: Photo) -> list[Face]:
        """Return the faces in uint8 (H, W, 3) RGB, the largest first."""
        faces = [face if face.score >= SURE_SCORE else self._closer(photo, face) for face in self._seen(photo)]
        return sorted((face for face in faces if face), key=lambda face: face.width, reverse=True)

    def find_in(self, photo: Photo, view: View) -> list[Face]:
        """Search a part of the photo as `find` does, for a face that is small in all of it."""
        left, top, right, bottom = view
        return [face.moved(left, top) for face in self.find(photo[top:bottom, left:right])]

    def _closer(self, photo: Photo, face: Face) -> Face | None:
        """Return the face as it is seen from nearby; None where it is none."""
        left, top = (max(0, round(middle - CLOSER / 2 * face.width)) for middle in face.centre)
        side = max(1, round(CLOSER * face.width))
        seen = self._seen(photo[top : top + side, left : left + side])
        near = (one.moved(left, top) for one in seen if one.score >= LEAST_CLOSER)
        return next((one for one in near if face.holds(one.centre)), None)

    def _seen(self, photo: Photo) -> list[Face]:
        """Return the faces that the model sees in one look, the surest first."""
        height, width = photo.shape[:2]
        side = max(height, width)
        scores, places = self._run(_letter_boxed(photo))
        sure = scores >= LEAST_SCORE
        shift = np.array([(side - width) / 2, (side - height) / 2], np.float32)
        return [_face(p * side, shift, score) for score, p in _merged(scores[sure], places[sure])]

    def _run(self, square: Photo) -> tuple[Floats, Floats]:
        """uint8 (128, 128, 3) -> scores (896,) in [0, 1] and places (896, 8, 2), of the square's side."""
        planes = square.astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1  # (1, 3, 128, 128) in [-1, 1]
        with self._alone:
            self._network.setInput(planes)
            scores, places = self._network.forward(("classificators", "regressors"))
            places = places.reshape(-1, 8, 2) / MODEL_SIDE
        places[:, [_CENTRE, *range(_SIZE + 1, 8)]] += ANCHORS[:, None]
        return 1 / (1 + np.exp(-np.clip(scores.reshape(-1), -50, 50))), places


def face_square(photo: Photo, face: Face) -> Photo:
    """Return the square of the photo that shows the face with its hair and neck: uint8 (S, S, 3).

    It is moved into the photo where it reaches beyond, and white only where the photo is too small for it.
    """
    side = max(1, round(SQUARE_SIDE * face.width))
    corner = [
        round(middle + SQUARE_ABOVE * face.width * towards - side / 2)
        for middle, towards in zip(face.centre, face.up, strict=True)
    ]
    column, row = (_moved_in(first, side, whole) for first, whole in zip(corner, photo.shape[1::-1], strict=True))
    return _cut(photo, row, column, side)


def _anchors() -> Floats:
    """(896, 2): the centres of the anchors' cells, x and y of the square's side, row by row."""
    centres = []
    for cells, copies in GRIDS:
        along = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(along, along)
        centres.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(copies, axis=0))
    return np.concatenate(centres)


ANCHORS = _anchors()


def _letter_boxed(photo: Photo) -> Photo:
    """Return the photo in the middle of a black square: uint8 (128, 128, 3)."""
    scale = MODEL_SIDE / max(photo.shape[:2])
    height, width = (max(1, round(side * scale)) for side in photo.shape[:2])
    square = np.zeros((MODEL_SIDE, MODEL_SIDE, 3), np.uint8)
    top, left = (MODEL_SIDE - height) // 2, (MODEL_SIDE - width) // 2
    square[top : top + height, left : left + width] = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    return square


def _merged(scores: Floats, places: Floats) -> list[tuple[float, Floats]]:
    """Boxes of one face become one, the mean by score, as in MediaPipe: (score, places (8, 2)), the surest first."""
    faces = []
    left = np.argsort(-scores, kind="stable")
    while left.size:
        same = _overlap(places[left[0]], places[left])
        same[0] = True  # a box without an area, too
        faces.append((float(scores[left[0]]), _mean(places[left[same]], scores[left[same]])))
        left = left[~same]
    return faces


def _mean(places: Floats, weights: Floats) -> Floats:
    """(n, 8, 2) and (n,) -> (8, 2)."""
    return np.average(places, axis=0, weights=weights).astype(np.float32)


def _overlap(one: Floats, others: Floats) -> NDArray[np.bool_]:
    """(8, 2) and (n, 8, 2) -> (n,): which are boxes of the same face."""
    first = np.maximum(one[_CENTRE] - one[_SIZE] / 2, others[:, _CENTRE] - others[:, _SIZE] / 2)
    last = np.minimum(one[_CENTRE] + one[_SIZE] / 2, others[:, _CENTRE] + others[:, _SIZE] / 2)
    shared = np.maximum(last - first, 0).prod(axis=1)
    area, areas = one[_SIZE].prod(), others[:, _SIZE].prod(axis=1)
    return (shared > SAME * (area + areas - shared)) | (shared > SAME_INSIDE * np.minimum(area, areas))


def _face(places: Floats, shift: Floats, score: float) -> Face:
    """(8, 2) in pixels of the letter-boxed square, `shift` its border (2,) -> in pixels of the photo."""
    left, top = map(float, places[_CENTRE] - places[_SIZE] / 2 - shift)
    width, height = map(float, places[_SIZE])
    up = (places[_RIGHT_EYE] + places[_LEFT_EYE]) / 2 - places[_MOUTH]
    x, y = map(float, up / max(float(np.hypot(*up)), 1e-6))
    return Face(left, top, width, height, (x, y), score)


def _moved_in(first: int, side: int, whole: int) -> int:
    """Return where a stretch of `side` pixels from `first` lies in `whole`; in its middle if it cannot fit."""
    if side > whole:
        return (whole - side) // 2
    return min(max(first, 0), whole - side)


def _cut(photo: Photo, first_row: int, first_column: int, side: int) -> Photo:
    """Return a square of the photo, white where it reaches beyond."""
    square = np.full((side, side, 3), 255, np.uint8)
    part = photo[max(0, first_row) : first_row + side, max(0, first_column) : first_column + side]
    row, column = max(0, -first_row), max(0, -first_column)
    square[row : row + part.shape[0], column : column + part.shape[1]] = part
    return square
