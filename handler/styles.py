"""What a picture can look like: pure functions of the photo and its line map, in one table.

Lengths follow the picture's size (they are given in pixels at 512), so a style looks the same at every size.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from handler.arrays import Gray, LineMap, Photo, Picture, Plane
from handler.mask import subject_mask


class Mix(NamedTuple):
    """How the composite mixes photo and drawing."""

    alpha: float = 0.5  # share of the photo, 0 to 1
    sigma: float = 20.0  # blur of the photo in pixels at 512


_Image = TypeVar("_Image", Photo, Plane)

Style = Callable[[Photo, LineMap, Mix], Picture]

DODGE_SIGMA = 8.0
DODGE_STRENGTH = 1.4
TEXTURE = 0.05  # differences from the surroundings well below this share are skin, not form
SHADE = 0.55
SHADE_POWER = 1.15
SMOOTHING = 2.5
SMOOTHING_CONTRAST = 0.055
INK_SHARE = 0.85
CONTRAST = 1.1
SHARPNESS = 0.6


def draw(photo: Photo, lines: LineMap, mix: Mix) -> Picture:
    """The line map itself as ink on paper: uint8 (H, W)."""
    return _to_levels(lines)


def sketch(photo: Photo, lines: LineMap, mix: Mix) -> Picture:
    """A pencil sketch of the subject on blank paper: uint8 (H, W).

    The original app's five steps: the mask isolates the subject, dodging gives the shading, lines give the structure,
    both are multiplied, contrast and sharpness are raised. Dodging alone levels all skin to white, so the photo's own
    tone is multiplied in; the lines are the network's, which unlike Canny's tell hair and cloth from an outline.
    """
    unit = max(lines.shape) / 512
    tone = _smoothed(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255, unit)
    shading = _dodged(tone, unit) * (1 - SHADE * (1 - tone) ** SHADE_POWER)
    pencil = shading * (1 - INK_SHARE * (1 - lines))
    finished = _sharpened(1 - CONTRAST * (1 - pencil), unit)
    return _to_levels(1 - subject_mask(lines) * (1 - finished))


def composite(photo: Photo, lines: LineMap, mix: Mix) -> Picture:
    """The blurred photo and the drawing, one laid over the other: uint8 (H, W, 4) RGBA.

    On white paper it is `alpha * blurred photo + (1 - alpha) * drawing`, as in the published
    u2net_portrait_composite.py; what shows on other paper is the photo's share and the ink.
    """
    blurred = _blurred(photo, mix.sigma * max(lines.shape) / 512)
    cover = 1 - (1 - mix.alpha) * lines
    share = mix.alpha / np.maximum(cover, 1e-6)
    colour = _to_levels(blurred * (share / 255)[..., None])
    return np.dstack([colour, _to_levels(cover)])


STYLES: dict[str, Style] = {"draw": draw, "sketch": sketch, "composite": composite}


def _smoothed(tone: Plane, unit: float) -> Plane:
    """Texture is smoothed, edges stay.

    He and Sun, "Fast Guided Filter", 2015, guided by the plane itself: what to keep of each pixel is found at 512.
    """
    small = _reduced(tone, unit)
    side = 2 * round(SMOOTHING * min(unit, 1)) + 1
    mean = cv2.blur(small, (side, side))
    variance = np.maximum(cv2.blur(small * small, (side, side)) - mean * mean, 0)
    kept = variance / (variance + SMOOTHING_CONTRAST**2)
    size = tone.shape[::-1]
    share, rest = (cv2.resize(cv2.blur(part, (side, side)), size) for part in (kept, mean - kept * mean))
    return np.clip(share * tone + rest, 0, 1)


def _dodged(tone: Plane, unit: float) -> Plane:
    """The tone against that of its surroundings: white where it is no darker."""
    surroundings = np.maximum(_blurred(tone, DODGE_SIGMA * unit), 0.01)
    darker = 1 - np.minimum(tone / surroundings, 1)
    return np.maximum(1 - DODGE_STRENGTH * darker * darker / (darker + TEXTURE), 0)


def _sharpened(plane: Plane, unit: float) -> Plane:
    return np.clip(plane + SHARPNESS * (plane - _blurred(plane, unit)), 0, 1)


def _blurred(image: _Image, sigma: float) -> _Image:
    """A Gaussian blur; a wide one is made at a smaller size, where it costs as little as a narrow one."""
    if sigma <= 0:
        return image
    height, width = image.shape[:2]
    reduction = max(1.0, sigma / 4)
    soft = cv2.GaussianBlur(_reduced(image, reduction), (0, 0), sigma / reduction)
    return cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC)


def _reduced(image: _Image, reduction: float) -> _Image:
    if reduction <= 1:
        return image
    height, width = (max(1, round(side / reduction)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _to_levels(plane: Plane) -> Gray:
    return cv2.convertScaleAbs(plane, alpha=255)
