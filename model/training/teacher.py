"""The drawing that the small network learns: a flow-guided difference of Gaussians.

Kang, Lee and Chui, "Coherent Line Drawing" (NPAR 2007), with the sharpened difference and the soft
threshold of Winnemoeller, Kyprianidis and Olsen, "XDoG" (Computers & Graphics 36, 2012).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.float32]
Flow = tuple[Gray, Gray]


@dataclass(frozen=True)
class Teacher:
    """The constants of the drawing; lengths in pixels of the picture that is drawn."""

    sigma: float = 1.1  # of the inner Gaussian across the flow: how fine a line is
    ratio: float = 1.6  # outer to inner Gaussian
    sharpness: float = 16.0  # `p` of XDoG: edges against tone
    flow_sigma: float = 3.0  # smoothing of the structure tensor
    along_sigma: float = 4.0  # smoothing along the flow
    threshold: float = 0.38  # brightness under which a flat region is inked
    slope: float = 7.0  # of the soft threshold
    tone_cap: float = 1.0  # brighter tones count as this, so that faint lines show on them too


def draw(gray: Gray, teacher: Teacher = Teacher()) -> Gray:
    """float32 (H, W) in [0, 1] -> float32 (H, W) in [0, 1], 0 ink and 1 paper."""
    smooth = cv2.bilateralFilter(gray, 5, 0.08, 3)
    flow = edge_tangent_flow(smooth, teacher.flow_sigma)
    level = _along(_across(smooth, flow, teacher), flow, teacher.along_sigma)
    tone = 1 + np.tanh(teacher.slope * (level - teacher.threshold))
    return np.asarray(np.clip(tone, 0, 1), np.float32)


def edge_tangent_flow(gray: Gray, sigma: float) -> Flow:
    """Return unit vectors (x, y) along the edges, each float32 (H, W)."""
    dx = cv2.Sobel(gray, cv2.CV_32F, 1, 0)
    dy = cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    xx, xy, yy = (cv2.GaussianBlur(p, (0, 0), sigma) for p in (dx * dx, dx * dy, dy * dy))
    # the eigenvector of the smaller eigenvalue of the structure tensor points along the edge
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def _across(gray: Gray, flow: Flow, teacher: Teacher) -> Gray:
    grid_x, grid_y = _grid(gray)
    across_x, across_y = -flow[1], flow[0]
    reach = int(np.ceil(2.5 * teacher.sigma * teacher.ratio))
    offsets = range(-reach, reach + 1)
    inner = _weights(offsets, teacher.sigma)
    outer = _weights(offsets, teacher.sigma * teacher.ratio)
    tone, surround = np.zeros_like(gray), np.zeros_like(gray)
    for offset, near, far in zip(offsets, inner, outer, strict=True):
        shifted = _sample(gray, grid_x + offset * across_x, grid_y + offset * across_y)
        tone += float(near) * shifted
        surround += float(far) * shifted
    return np.asarray(np.minimum(tone, teacher.tone_cap) + teacher.sharpness * (tone - surround), np.float32)


def _along(edges: Gray, flow: Flow, sigma: float) -> Gray:
    reach = int(np.ceil(2 * sigma))
    weights = _weights(range(-reach, reach + 1), sigma)[reach:]
    total = float(weights[0]) * edges
    for sign in (1.0, -1.0):
        x, y = _grid(edges)
        step_x, step_y = sign * flow[0], sign * flow[1]
        for weight in weights[1:]:
            x, y = x + step_x, y + step_y
            total += float(weight) * _sample(edges, x, y)
            step_x, step_y = _next_step(flow, (x, y), (step_x, step_y))
    return total


def _next_step(flow: Flow, at: Flow, previous: Flow) -> Flow:
    x, y = (_sample(part, *at, nearest=True) for part in flow)
    # a tangent has no sign: go on in the direction we came in
    sign = np.where(x * previous[0] + y * previous[1] < 0, np.float32(-1), np.float32(1))
    return x * sign, y * sign


def _weights(offsets: range, sigma: float) -> Gray:
    weights = np.exp(-0.5 * (np.asarray(offsets) / sigma) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)


def _grid(gray: Gray) -> Flow:
    height, width = gray.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x, y


def _sample(image: Gray, x: Gray, y: Gray, nearest: bool = False) -> Gray:
    interpolation = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(image, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE), np.float32)
