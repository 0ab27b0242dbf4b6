"""Where a plane crosses a level: closed polygons, finer than its pixels.

OpenCV follows the border pixels of what is darker; each is then moved outwards to where the level is crossed between it
and the pixel beyond, as in marching squares (Lorensen and Cline, 1987), and the polygon is thinned out (Douglas and
Peucker, 1973).
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from handler.arrays import Plane

Points = NDArray[np.float32]  # (n, 2): x and y in pixels from the plane's corner, so that a pixel's centre is at a half

LEAST_AREA = 1.0  # square pixels; smaller specks and holes are left out
_ROW = 512  # points of a row, as `cv2.remap` takes no list longer than 32767


def contours(plane: Plane, level: float, tolerance: float) -> Iterator[Points]:
    """Yield the outlines of all that is darker than the level, in any unit, holes as well; within `tolerance` pixels.

    Around the plane nothing is dark. A point in two outlines is in a hole: to be filled by the rule `evenodd`.
    """
    # light all around, so that each outline closes
    framed = cv2.copyMakeBorder(plane, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=_lighter(plane, level))
    darker = (framed < level).astype(np.uint8)
    borders = cv2.findContours(darker, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    if not borders:
        return
    crossings = _crossings(framed, level, borders)
    for outline in np.split(crossings, np.cumsum([len(border) for border in borders])[:-1]):
        thinned = cv2.approxPolyDP(outline, tolerance, closed=True)
        if len(thinned) > 2 and cv2.contourArea(thinned) >= LEAST_AREA:
            yield thinned[:, 0]


def _lighter(plane: Plane, level: float) -> float:
    """Return a value as far above the level as the darkest lies below: the frame's edge is then crossed half-way."""
    return 2 * level - min(float(plane.min()), level - 1)


def _crossings(plane: Plane, level: float, borders: tuple[NDArray[np.int32], ...]) -> Points:
    """Border pixels, each (n, 1, 2), of what is darker -> (N, 2): where the level is crossed beside each of them."""
    pixels = np.concatenate(borders)[:, 0]
    dark = plane[pixels[:, 1], pixels[:, 0]]
    inside = pixels.astype(np.float32)
    outwards = _normals(inside, np.array([len(border) for border in borders]))
    light = _at(plane, inside + outwards)
    # a border of one pixel's width has a dark pixel beyond, at its turns: the pixel's own edge is taken there
    share = np.where(light > level, (level - dark) / np.maximum(light - dark, 1e-6), 0.5).astype(np.float32)
    # the frame moved all by a pixel; centres lie at halves
    return inside + outwards * share[:, None] - np.float32(0.5)


def _normals(points: Points, lengths: NDArray[np.intp]) -> Points:
    """Return unit vectors that lead outwards, (N, 2), at the points of closed lists, (N, 2), one behind the other."""
    last = np.cumsum(lengths) - 1
    after, before = np.arange(1, len(points) + 1), np.arange(-1, len(points) - 1)
    after[last], before[last - lengths + 1] = last - lengths + 1, last
    along = points[after] - points[before]
    along += 0.5 * (along[after] + along[before])
    normals = np.stack([-along[:, 1], along[:, 0]], axis=1)
    # the end of a line one pixel wide: on, away from where it came
    ends = np.abs(along).max(axis=1) < 1e-3
    normals[ends] = (points - points[before])[ends]
    return normals / np.maximum(np.hypot(*normals.T), 1e-6)[:, None]


def _at(plane: Plane, points: Points) -> NDArray[np.float32]:
    """Return the plane's values at points between its pixels: (N,)."""
    rows = np.resize(points, (len(points) // _ROW + 1, _ROW, 2))
    values = cv2.remap(plane, rows, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.ravel()[: len(points)]
