"""The guided filter: a plane becomes smooth, or finer than it was, with the edges of the photo that guides it.

He, Sun and Tang, "Guided Image Filtering", PAMI 2013; its linear models are made at 512 and applied to every pixel, as
in He and Sun, "Fast Guided Filter", 2015.
"""

import cv2
import numpy as np

from handler.arrays import Gray, Mask, Plane

UNIT = 512  # radii are in pixels of a picture whose long side this is


def guided(plane: Plane, guide: Gray, radius: float, epsilon: float, kept: Mask | None = None) -> Plane:
    """Filter a plane, float32 (h, w) of any size, by a guide, uint8 (H, W) -> float32 (H, W).

    What is more than `epsilon`, a squared contrast of 1, counts as an edge. What lies outside of `kept`, float32
    (H, W), has no say in what is inside.
    """
    height, width = guide.shape
    size = unit_size(guide.shape)
    small = cv2.resize(guide, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    coarse = plane if plane.shape == size else cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR)
    weight = None if kept is None else cv2.resize(kept, size[::-1], interpolation=cv2.INTER_AREA)
    models = _linear_models(small, coarse, max(1, round(radius * max(size) / UNIT)), epsilon, weight)
    slope, offset = (cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR) for part in models)
    # in place: at 4096 x 4096 each plane is 64 MB
    slope *= guide
    slope *= 1 / 255
    slope += offset
    return slope


def unit_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return height and width of a picture, (H, W, ...), reduced to a long side of 512; smaller ones stay."""
    scale = min(1.0, UNIT / max(shape[:2]))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _linear_models(guide: Plane, plane: Plane, radius: int, epsilon: float, weight: Mask | None) -> tuple[Plane, Plane]:
    """-> slope and offset at each pixel, float32 (h, w): plane = slope * guide + offset around it."""
    box = (2 * radius + 1, 2 * radius + 1)
    share = None if weight is None else np.maximum(cv2.blur(weight, box), 1e-3)

    def mean(of: Plane) -> Plane:
        blurred: Plane = cv2.blur(of if weight is None else weight * of, box)
        return blurred if share is None else blurred / share

    mean_guide, mean_plane = mean(guide), mean(plane)
    covariance, variance = mean(guide * plane) - mean_guide * mean_plane, mean(guide * guide) - mean_guide * mean_guide
    slope = covariance / (variance + np.float32(epsilon))
    return mean(slope), mean(mean_plane - slope * mean_guide)
