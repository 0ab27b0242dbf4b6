"""Where the person is in a photo, and the photo without what is around them.

MediaPipe's selfie model tells it for 256 x 256 pixels (model card "Selfie Segmentation", Google, Apache-2.0; see
model/person/README.md). The guided filter brings that to the picture's size with an edge that follows hair.

The photo is laid on white before the network sees it, so that the outline of a face against a wall of its colour is
drawn whole, and nothing of the scene is. What is drawn of the photo then says more of the person's outline: where the
model is unsure, as at locks of hair, the lines decide.
"""

import math
import threading
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from handler.arrays import LineMap, Mask, Photo, Plane, Region, View
from handler.guided import UNIT, guided, unit_size
from handler.mask import subject_mask

MODEL_SIDE = 256
RADIUS = 6  # of the guided filter, as all lengths in pixels of a photo whose long side is `UNIT`
EPSILON = 1e-3  # its contrast, of 1 squared: what counts as an edge
LOW, HIGH = 0.15, 0.85  # between them the filtered mask rises from 0 to 1
FINEST = 2048  # a larger picture's mask is enlarged: its soft edge has no finer detail
SURE = 0.5
MARGIN = 0.2  # around a person's box, where a face is looked for
ROOM = 16  # around it, where the person is drawn: more than `WIDENED` and what is soft beyond
FEWEST = 0.004  # share of the photo that is surely a person; with less there is nobody
WIDENED = 7
SOFTNESS = 2.0
# A part of the mask that lies farther from what the lines enclose and is less sure, on average, is nobody's. Looked at
# on 80 portraits, where such parts were large: all were passers-by or walls, with 0.61 at most, and the person's parts
# had 0.87 at least.
BESIDE, DOUBTFUL = 12, 0.75
TRACE = 0.02  # of the mask, that joins a part


class PersonFinder:
    """The model, loaded; threads may share it."""

    def __init__(self, path: Path) -> None:
        """Read the model's file, .tflite. Raises `cv2.error` for what is none."""
        self._network = cv2.dnn.readNetFromTFLite(str(path))
        self._alone = threading.Lock()  # the network keeps its input between two calls

    def find(self, photo: Photo) -> Mask | None:
        """Return how surely each cell of uint8 (H, W, 3) RGB is a person: float32 (256, 256); None where nobody is.

        The cells cover the photo, whatever its aspect. Several people are all in it.
        """
        cells = cv2.resize(photo, (MODEL_SIDE, MODEL_SIDE), interpolation=cv2.INTER_AREA)
        planes = cells.astype(np.float32).transpose(2, 0, 1)[None] / 255  # (1, 3, 256, 256)
        with self._alone:
            self._network.setInput(planes)
            found = self._network.forward()[0, 0].copy()
        return found if (found > SURE).mean() >= FEWEST else None


def mask_of(found: Mask, photo: Photo) -> Mask:
    """Bring what `PersonFinder.find` gave to the size of a photo, uint8 (H, W, 3) -> float32 (H, W) in [0, 1]."""
    height, width = photo.shape[:2]
    scale = max(height, width) / FINEST
    if scale > 1:
        size = max(1, round(width / scale)), max(1, round(height / scale))
        finest = mask_of(found, cv2.resize(photo, size, interpolation=cv2.INTER_AREA))
        return cv2.resize(finest, (width, height), interpolation=cv2.INTER_LINEAR)
    return _stepped(guided(found, cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), RADIUS, EPSILON))


def head_and_shoulders(found: Mask, photo: Photo) -> View:
    """Return the upper square of the box around whoever was found: where to look for a face that is small.

    Left, top, right and bottom, in the photo's pixels.
    """
    height, width = photo.shape[:2]
    # all but the outermost hundredth: a speck far away is nobody
    (top, bottom), (left, right) = (
        np.percentile(place, (1, 99)) * side / MODEL_SIDE
        for place, side in zip(np.nonzero(found > SURE), (height, width), strict=True)
    )
    side = max(1, (1 + MARGIN) * max(right - left, (bottom - top) / 2))
    middle = (left + right) / 2
    first_row, first_column = max(0, round(top - MARGIN / 2 * side)), max(0, round(middle - side / 2))
    return first_column, first_row, min(width, round(middle + side / 2) + 1), min(height, first_row + round(side) + 1)


def person_box(found: Mask, shape: tuple[int, ...]) -> View:
    """Return the box that holds all of whoever was found, and some room: left, top, right, bottom.

    `shape` is that of the photo, (H, W, ...), in whose pixels it is.
    """
    height, width = shape[:2]
    room = ROOM * max(height, width) / UNIT
    rows, columns = (np.flatnonzero((found > LOW).any(axis=axis)) for axis in (1, 0))
    (top, bottom), (left, right) = _stretch(rows, height, room), _stretch(columns, width, room)
    return left, top, right, bottom


def cut(photo: Photo, mask: Mask) -> Photo:
    """Lay the person on white: uint8 (H, W, 3) and float32 (H, W) -> uint8 (H, W, 3)."""
    levels = cv2.convertScaleAbs(mask, alpha=255)
    share = cv2.merge([levels] * 3)
    # a * p + (1 - a) * 255 = 255 - a * (255 - p), so that paper is exactly 255
    return 255 - cv2.multiply(255 - photo, share, scale=1 / 255)


def settled(mask: Mask | None, lines: LineMap) -> Mask:
    """Return the mask for what is drawn, of that of `mask_of`, or None for nobody, and the lines, all (H, W).

    The lines are those of the photo that `cut` made. They decide where the model is unsure, as between locks of hair,
    and have no say where it is sure of the scene: what they enclose there is wall. Where nobody was found they decide
    alone; where there is no line either, all of the picture is kept. Who is out of focus in the scene is neither drawn
    by the network nor sure to the model, and goes.
    """
    drawn = subject_mask(lines)
    if mask is None:
        return drawn if drawn.any() else np.ones_like(lines)
    if drawn.any():
        mask = _without_doubtful(mask, drawn)
    return np.where(mask > 0, np.maximum(mask, drawn), mask)


def _without_doubtful(mask: Mask, drawn: Mask) -> Mask:
    """Drop parts of a mask beside what is drawn of which the model is not sure; all are float32 (H, W) in [0, 1]."""
    # half of the usual size: parts are large, and their edge is soft
    height, width = (max(1, side // 2) for side in unit_size(mask.shape))
    small, enclosed = (cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in (mask, drawn))
    unit = max(height, width) / UNIT
    reach = BESIDE * unit
    inside = (enclosed > SURE).astype(np.uint8)
    beside = (_distance(inside) > reach) & (small > TRACE)
    number, parts = cv2.connectedComponents(beside.astype(np.uint8))
    areas, sums = (np.bincount(parts.ravel(), weights, number) for weights in (None, small.ravel()))
    doubtful = sums < DOUBTFUL * areas
    doubtful[0] = False  # all that is in no part
    if not doubtful.any():
        return mask
    gone = (_distance(doubtful[parts].astype(np.uint8)) <= reach) & (inside == 0)
    left = cv2.GaussianBlur(1 - gone.astype(np.float32), (0, 0), SOFTNESS * unit)
    return mask * cv2.resize(left, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _distance(region: Region) -> Plane:
    """Return how far each pixel is from a region, which is not empty: float32 (H, W)."""
    return cv2.distanceTransform(1 - region, cv2.DIST_L2, 5)


def widened(mask: Mask) -> Mask:
    """Widen and soften a mask, to lay it on the lines against ghosts: float32 (H, W) in [0, 1], as the result is."""
    height, width = mask.shape
    small = cv2.resize(mask, unit_size(mask.shape)[::-1], interpolation=cv2.INTER_AREA)
    reach = max(1, round(WIDENED * max(small.shape) / UNIT))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    soft = cv2.GaussianBlur(cv2.dilate(small, disc), (0, 0), SOFTNESS * reach / WIDENED)
    return cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)


def _stretch(cells: NDArray[np.intp], side: int, room: float) -> tuple[int, int]:
    """Return first and last pixel but one that the cells cover of a side, with room before and after."""
    first, last = cells[0] * side / MODEL_SIDE, (cells[-1] + 1) * side / MODEL_SIDE
    return max(0, math.floor(first - room)), min(side, math.ceil(last + room))


def _stepped(mask: Mask) -> Mask:
    """0 below `LOW`, 1 above `HIGH`, smooth between: 3 t^2 - 2 t^3. In place."""
    mask -= LOW
    mask *= 1 / (HIGH - LOW)
    np.clip(mask, 0, 1, out=mask)
    mask *= mask * (3 - 2 * mask)
    return mask
