"""A sitter of simple shapes and what the network would draw of it, seeded, at any size: no photo, no weights."""

import cv2
import numpy as np

from handler.arrays import LineMap, Photo

_OVERSAMPLING = 4
_WALL, _CLOTH, _HAIR = (150, 170, 190), (40, 60, 110), (70, 45, 30)
SKIN = (215, 170, 140)


def photo(side: int, skin: tuple[int, int, int] = SKIN, seed: int = 0) -> Photo:
    """uint8 (side, side, 3) RGB: head and shoulders before a wall, with a little grain."""
    canvas = np.full((side * _OVERSAMPLING, side * _OVERSAMPLING, 3), _WALL, np.uint8)
    _ellipse(canvas, (0.5, 1.05), (0.42, 0.3), _CLOTH)
    _ellipse(canvas, (0.5, 0.72), (0.1, 0.16), skin)
    _ellipse(canvas, (0.5, 0.4), (0.25, 0.3), _HAIR)
    _ellipse(canvas, (0.5, 0.47), (0.19, 0.25), skin)
    for x in (0.42, 0.58):
        _ellipse(canvas, (x, 0.44), (0.04, 0.02), (240, 240, 240))
        _ellipse(canvas, (x, 0.44), (0.02, 0.02), (30, 30, 30))
    _ellipse(canvas, (0.5, 0.6), (0.07, 0.02), (160, 60, 60))
    clean = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    grain = np.random.default_rng(seed).normal(0, 3, (side, side, 1))
    return np.clip(clean + grain, 0, 255).astype(np.uint8)


def lines(side: int, seed: int = 0) -> LineMap:
    """float32 (side, side): the sitter's outlines and strands of hair, 0 ink and 1 paper."""
    canvas = np.full((side * _OVERSAMPLING, side * _OVERSAMPLING), 255, np.uint8)
    _ellipse(canvas, (0.5, 1.05), (0.42, 0.3), 0, thickness=0.006)
    _ellipse(canvas, (0.5, 0.4), (0.25, 0.3), 0, thickness=0.006)
    _ellipse(canvas, (0.5, 0.47), (0.19, 0.25), 0, thickness=0.005)
    for x in (0.42, 0.58):
        _ellipse(canvas, (x, 0.44), (0.04, 0.02), 0, thickness=0.004)
        _ellipse(canvas, (x, 0.44), (0.015, 0.015), 0)
    _ellipse(canvas, (0.5, 0.6), (0.07, 0.02), 0, thickness=0.004)
    for angle in np.random.default_rng(seed).uniform(np.pi, 2 * np.pi, 40):
        direction = np.array([np.cos(angle), np.sin(angle)])
        ends = [(0.5, 0.4) + direction * reach for reach in ((0.2, 0.24), (0.24, 0.29))]
        start, end = (tuple(int(v) for v in point * len(canvas)) for point in ends)
        cv2.line(canvas, start, end, 90, max(1, round(0.003 * len(canvas))))
    return cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def head(side: int) -> Photo:
    """uint8 (side, side): 1 where the sitter's head is."""
    canvas = np.zeros((side, side), np.uint8)
    _ellipse(canvas, (0.5, 0.4), (0.25, 0.3), 1)
    return canvas


def _ellipse(
    canvas: Photo,
    centre: tuple[float, float],
    radii: tuple[float, float],
    colour: tuple[int, int, int] | int,
    thickness: float = 0,
) -> None:
    """Lengths are shares of the canvas; without a thickness it is filled."""
    side = len(canvas)
    x, y, width, height = (round(share * side) for share in (*centre, *radii))
    cv2.ellipse(
        canvas, (x, y), (width, height), 0, 0, 360, colour, max(1, round(thickness * side)) if thickness else -1
    )
