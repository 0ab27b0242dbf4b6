"""What a picture can look like: pure functions of the photo and its line map, in one table.

Lengths follow the picture's size (they are given in pixels at 512), so a style looks the same at every size.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from handler.arrays import Gray, LineMap, Mask, Photo, Picture, Plane
from handler.pencil import pencil


class Mix(NamedTuple):
    """How the composite mixes photo and drawing."""

    alpha: float = 0.5  # share of the photo, 0 to 1
    sigma: float = 20.0  # blur of the photo in pixels at 512


_Image = TypeVar("_Image", Photo, LineMap)

Style = Callable[[Photo, LineMap, Mask, Mix], Picture]


def draw(photo: Photo, lines: LineMap, kept: Mask, mix: Mix) -> Picture:
    """Return the line map itself as ink on paper: uint8 (H, W)."""
    return _to_levels(lines)


def sketch(photo: Photo, lines: LineMap, kept: Mask, mix: Mix) -> Picture:
    """Draw a pencil sketch of the person on blank paper: uint8 (H, W).

    The original app's five steps: the mask isolates the subject, the photo gives the shading, lines give the structure,
    both are multiplied, and the whole is finished. The original's shading is a dodged photo, which levels all skin to
    white, and its lines are Canny's; here tone is laid down in strokes, and lines are the network's.
    """
    return _to_levels(1 - pencil(photo, lines, kept))


def composite(photo: Photo, lines: LineMap, kept: Mask, mix: Mix) -> Picture:
    """Return the blurred photo and the drawing, one laid over the other: uint8 (H, W, 4) RGBA.

    On white paper it is `alpha * blurred photo + (1 - alpha) * drawing`, as in the published
    u2net_portrait_composite.py; what shows on other paper is the photo's share and the ink.
    """
    blurred = _blurred_inside(photo, kept, mix.sigma * max(lines.shape) / 512)
    cover = 1 - (1 - mix.alpha) * lines  # (H, W): 1 where there is ink, alpha on bare paper
    share = mix.alpha / np.maximum(cover, 1e-6)
    colour = _to_levels(blurred * (share / 255)[..., None])
    return np.dstack([colour, _to_levels(cover * kept)])


STYLES: dict[str, Style] = {"draw": draw, "sketch": sketch, "composite": composite}


def _blurred_inside(photo: Photo, kept: Mask, sigma: float) -> Photo | Plane:
    """Blur the photo, (H, W, 3), so that nothing of what is left out bleeds into what is kept."""
    if sigma <= 0 or kept.min() == 1:
        return _blurred(photo, sigma)
    inside: Plane = _blurred(photo * kept[..., None], sigma)
    inside /= np.maximum(_blurred(kept, sigma), 1e-3)[..., None]
    return inside


def _blurred(image: _Image, sigma: float) -> _Image:
    """Return a Gaussian blur; a wide one is made at a smaller size, where it costs as little as a narrow one."""
    if sigma <= 0:
        return image
    height, width = image.shape[:2]
    reduction = max(1.0, sigma / 4)  # a kernel of four pixels' deviation is still a good Gaussian
    soft = cv2.GaussianBlur(_reduced(image, reduction), (0, 0), sigma / reduction)
    return cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC)


def _reduced(image: _Image, reduction: float) -> _Image:
    if reduction <= 1:
        return image
    height, width = (max(1, round(side / reduction)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _to_levels(plane: Plane) -> Gray:
    return cv2.convertScaleAbs(plane, alpha=255)
