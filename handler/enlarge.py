"""A line map of the network's size -> the same drawing at the picture's size, its lines still lines.

Enlarging by interpolation alone blurs every line and turns a slanted hair into a string of beads, as the map's pixels
sample it unevenly. So the map is first smoothed along its lines and never across them (Weickert, "Coherence-enhancing
diffusion filtering", IJCV 1999, here as short averages along the structure tensor's tangent), then every transition is
steepened between the darkest and the lightest value around it: a faint line keeps its own darkness, nothing overshoots.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_TENSOR_SIGMA = 1.0  # lengths are in the line map's pixels
_STRIDES = (0.5, 1.0)
_REACH = 1  # of the darkest and lightest value around
_STEEPNESS = 2.0
_FLAT = 1e-3


def enlarge(lines: Plane, size: tuple[int, int]) -> Plane:
    """float32 (h, w) in [0, 1] -> float32 (H, W) in [0, 1]; `size` is (H, W).

    A map that has the size already is returned as it is; one that is larger is averaged down.
    """
    height, width = size
    if lines.shape == size:
        return lines
    scale = max(height / lines.shape[0], width / lines.shape[1])
    if scale <= 1:
        return _resized(lines, width, height, cv2.INTER_AREA)
    finer = _along_lines(lines, min(scale, 2.0))
    return _steepened(finer, width, height, radius=round(_REACH * min(scale, 2.0)))


def _along_lines(lines: Plane, scale: float) -> Plane:
    """Enlarged by `scale`, each pixel averaged with those before and behind it on its line."""
    height, width = (round(side * scale) for side in lines.shape)
    cosine, sine = (_resized(part, width, height) for part in _tangents(lines))
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    finer = np.clip(_resized(lines, width, height, cv2.INTER_CUBIC), 0, 1)
    for stride in _STRIDES:
        step_x, step_y = cosine * (stride * scale), sine * (stride * scale)
        ahead = _sampled(finer, columns + step_x, rows + step_y)
        behind = _sampled(finer, columns - step_x, rows - step_y)
        finer = 0.5 * finer + 0.25 * (ahead + behind)
    return finer


def _tangents(lines: Plane) -> tuple[Plane, Plane]:
    """The direction of the line at each pixel as (cosine, sine), the shorter the less there is of a line."""
    soft = cv2.GaussianBlur(lines, (0, 0), 0.7)
    across_x, across_y = cv2.Scharr(soft, cv2.CV_32F, 1, 0), cv2.Scharr(soft, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), _TENSOR_SIGMA)
                  for product in (across_x * across_x, across_y * across_y, across_x * across_y))  # fmt: skip
    strength, doubled = cv2.cartToPolar(xx - yy, 2 * xy)
    clarity = strength / (xx + yy + _FLAT)
    cosine, sine = cv2.polarToCart(clarity, 0.5 * doubled)
    return -sine, cosine


def _steepened(lines: Plane, width: int, height: int, radius: int) -> Plane:
    """Enlarged, with each transition pushed toward the darkest and the lightest value within `radius`."""
    window = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    dark, light = (_resized(cv2.GaussianBlur(bound, (0, 0), 0.7 * radius), width, height)
                   for bound in (cv2.erode(lines, window), cv2.dilate(lines, window)))  # fmt: skip
    middle = _resized(lines, width, height, cv2.INTER_CUBIC)
    # in place: at 4096 x 4096 each plane is 64 MB
    np.minimum(dark, middle, out=dark)
    np.maximum(light, middle, out=light)
    span = np.subtract(light, dark, out=light)
    share = np.subtract(middle, dark, out=middle)
    share /= np.maximum(span, _FLAT)
    share = np.clip(0.5 + _STEEPNESS * (share - 0.5), 0, 1, out=share)
    span *= share * share * (3 - 2 * share)
    return np.clip(dark + span, 0, 1, out=dark)


def _sampled(plane: Plane, columns: Plane, rows: Plane) -> Plane:
    return cv2.remap(plane, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _resized(plane: Plane, width: int, height: int, how: int = cv2.INTER_LINEAR) -> Plane:
    return cv2.resize(plane, (width, height), interpolation=how)
