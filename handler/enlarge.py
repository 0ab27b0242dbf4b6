"""A line map of the network's size -> the same drawing at the picture's size, its lines still lines.

Enlarging by interpolation alone blurs every line and turns a slanted hair into a string of beads, as the map's pixels
sample it unevenly. So the map is brought to twice its size and smoothed along its lines, never across them, by
diffusion along the structure tensor's tangent (Weickert, "Coherence-enhancing diffusion filtering", IJCV 1999). Then
every transition is steepened between the darkest and the lightest value around it: a faint line keeps its own
darkness, nothing overshoots.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from handler.arrays import LineMap, Plane

Tensor = NDArray[np.float32]  # (3, h, w): xx, yy and xy of a symmetric tensor at each pixel

# All are tuned on portraits drawn at 1024 and 2048.
_TENSOR_SIGMA = 1.0  # pixels of the map
_STEP = 0.45  # of the diffusion, square pixels at twice the map's size; explicit steps above 0.5 are unstable
_STEPS_AT_TWICE = 2  # after one at the map's size
_AROUND = np.ones((5, 5), np.uint8)  # where the darkest and the lightest value are sought, at twice the map's size
_BOUND_SIGMA = 0.6  # pixels of the map
_STEEPNESS = 2.0
_FLAT = 1e-3  # slopes per pixel and differences well below this are paper or tone, not a line

# Rows that are worked on together: few enough for the cache, and for memory that is at hand.
_STRIP = 128  # of the map
_HALO = 5  # of the map, above and below a strip: 1 for a step, 2 for the cubic, 2 for what follows at twice its size
_BLOCK = 64  # of the picture


def enlarge(lines: LineMap, size: tuple[int, int]) -> LineMap:
    """float32 (h, w) in [0, 1] -> float32 (H, W) in [0, 1]; `size` is (H, W).

    A map that has the size already is returned as it is; one that is larger is averaged down.
    """
    height, width = size
    if lines.shape == size:
        return lines
    if max(height / lines.shape[0], width / lines.shape[1]) <= 1:
        return _resized(lines, width, height, cv2.INTER_AREA)
    finer, dark, light = _smoothed(lines)
    return _steepened(finer, dark, light, size)


def _smoothed(lines: LineMap) -> tuple[Plane, Plane, Plane]:
    """(h, w) -> (2 h, 2 w) smoothed along the lines; the darkest and the lightest value around, (h, w) each."""
    height, width = lines.shape
    tensor = _tensor(lines)
    finer = np.empty((2 * height, 2 * width), np.float32)
    dark, light = np.empty_like(lines), np.empty_like(lines)
    for top in range(0, height, _STRIP):
        first, bottom = max(top - _HALO, 0), min(top + _STRIP, height)
        seen, kept = slice(first, bottom + _HALO), slice(top - first, bottom - first)
        strip = _along_lines(lines[seen], tensor[:, seen])
        finer[2 * top : 2 * bottom] = strip[2 * kept.start : 2 * kept.stop]
        dark[top:bottom] = _halved(cv2.erode(strip, _AROUND))[kept]
        light[top:bottom] = _halved(cv2.dilate(strip, _AROUND))[kept]
    return finer, dark, light


def _tensor(lines: LineMap) -> Tensor:
    """(h, w) -> (3, h, w), a step of diffusion along the line at each pixel; the less of a line, the shorter."""
    # 128: what this kernel makes of a slope of 1 per pixel
    slope_x, slope_y = (cv2.Sobel(lines, cv2.CV_32F, *order, ksize=5, scale=1 / 128) for order in ((1, 0), (0, 1)))
    xx, yy, xy = (cv2.GaussianBlur(product, (5, 5), _TENSOR_SIGMA)
                  for product in (slope_x * slope_x, slope_y * slope_y, slope_x * slope_y))  # fmt: skip
    # At twice the angle a of the direction across the line: difference = strength cos 2a, doubled = strength sin 2a.
    difference, doubled = xx - yy, 2 * xy
    # cv2.magnitude would round differently from call to call, as memory is aligned
    strength = np.sqrt(difference * difference + doubled * doubled)
    # The tangent is (-sin a, cos a), as long as the line is clear: strength / (xx + yy + ...). Its products need no
    # angle, as sin^2 a = (1 - cos 2a) / 2, cos^2 a = (1 + cos 2a) / 2 and sin a cos a = sin 2a / 2.
    share = 0.5 * _STEP * strength / (xx + yy + _FLAT**2) ** 2
    return np.stack([share * (strength - difference), share * (strength + difference), -share * doubled])


def _along_lines(lines: LineMap, tensor: Tensor) -> Plane:
    """(h, w) and (3, h, w) -> (2 h, 2 w), diffused before and after enlarging: before, a step costs a quarter."""
    height, width = (2 * side for side in lines.shape)
    # 0.25: a pixel of the map is as long as two at twice its size, and steps are square pixels
    softer = _diffused(lines, 0.25 * tensor)
    finer = np.clip(_resized(softer, width, height, cv2.INTER_CUBIC), 0, 1)
    finer_tensor = [_resized(part, width, height) for part in tensor]
    for _ in range(_STEPS_AT_TWICE):
        finer = _diffused(finer, finer_tensor)
    return finer


def _diffused(plane: Plane, tensor: Iterable[Plane]) -> Plane:
    """One explicit step: the plane and its second derivatives, each of them times its part of the tensor."""
    xx, yy, xy = tensor
    # (-1, 0, 1) along both sides is four times the mixed derivative, which counts twice
    return xx * _second(plane, 2, 0) + yy * _second(plane, 0, 2) + xy * _second(plane, 1, 1, 0.5) + plane


def _second(plane: Plane, x: int, y: int, scale: float = 1) -> Plane:
    """Return a second derivative: (1, -2, 1) along x or y, or (-1, 0, 1) along both."""
    return cv2.Sobel(plane, cv2.CV_32F, x, y, ksize=1, scale=scale, borderType=cv2.BORDER_REPLICATE)


def _steepened(finer: Plane, dark: Plane, light: Plane, size: tuple[int, int]) -> Plane:
    """Enlarged to `size`, with each transition pushed toward the darkest and the lightest value around."""
    height, width = size
    dark, light = (cv2.GaussianBlur(bound, (3, 3), _BOUND_SIGMA) for bound in (dark, light))
    middle = _resized(0.5 * (dark + light), width, height)
    span = _resized(np.maximum(light - dark, _FLAT), width, height)
    # in place: at 4096 x 4096 each plane is 64 MB
    picture = finer if finer.shape == size else _resized(finer, width, height, cv2.INTER_CUBIC)
    for top in range(0, height, _BLOCK):
        rows = slice(top, top + _BLOCK)
        _steepen(picture[rows], middle[rows], span[rows])
    return picture


def _steepen(picture: Plane, middle: Plane, span: Plane) -> None:
    """Make `picture`, in place, a smooth step from `middle - span / 2` to `middle + span / 2`; `span` is used up."""
    picture -= middle
    picture /= span
    picture *= _STEEPNESS
    share = np.clip(picture, -0.5, 0.5, out=picture)
    span *= share
    # smoothstep, 3 s^2 - 2 s^3, about its middle is s (1.5 - 2 s^2)
    share *= share
    share *= -2
    share += 1.5
    share *= span
    share += middle
    np.clip(share, 0, 1, out=picture)


def _halved(plane: Plane) -> Plane:
    return _resized(plane, plane.shape[1] // 2, plane.shape[0] // 2, cv2.INTER_AREA)


def _resized(plane: Plane, width: int, height: int, interpolation: int = cv2.INTER_LINEAR) -> Plane:
    return cv2.resize(plane, (width, height), interpolation=interpolation)
