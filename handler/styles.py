"""What a picture can look like: pure functions of the photo and its line map, in one table.

Lengths follow the picture's size (they are given in pixels at 512), so a style looks the same at every size.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from handler.arrays import Gray, LineMap, Mask, Photo, Picture, Plane
from handler.guided import guided, unit_size
from handler.pencil import pencil


class Mix(NamedTuple):
    """How the composite mixes photo and drawing."""

    alpha: float = 0.5  # share of the photo, 0 to 1
    sigma: float = 20.0  # blur of the photo in pixels at 512


# Tuned on 24 portraits drawn at 1000.
EDGE = 0.005  # contrast, of 1 squared, that a wash stops at
VIVID = 2  # 1: paper takes as much of the photo's colour as of its tone
BOX = 1.2  # radius of the two boxes that together blur as a Gaussian of deviation 1

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
    """Return the drawing over the photo, washed in its own colours: uint8 (H, W, 4) RGBA.

    On white paper it is `alpha * photo + (1 - alpha) * drawing` as in the published u2net_portrait_composite.py, with
    two differences, for that looks like fog: the photo is blurred up to its edges, not over them, and bare paper takes
    more of its colours than of its tone. What shows on other paper is the photo's share and the ink.
    """
    washed = _washed(photo, kept, mix.sigma)
    gray = cv2.cvtColor(washed, cv2.COLOR_RGB2GRAY).astype(np.float32)
    cover = 1 - (1 - mix.alpha) * lines  # (H, W): 1 where there is ink, alpha on bare paper
    inverse = 1 / (255 * np.maximum(cover, 1e-6))
    share, tint = mix.alpha * inverse, (1 - (1 - mix.alpha) ** VIVID - mix.alpha) * lines * inverse
    colours = [_to_levels(np.clip(share * one + tint * (one - gray), 0, 1)) for one in cv2.split(washed)]
    return cv2.merge([*colours, _to_levels(cover * kept)])


STYLES: dict[str, Style] = {"draw": draw, "sketch": sketch, "composite": composite}


def _washed(photo: Photo, kept: Mask, sigma: float) -> Photo:
    """Blur the photo up to its edges, (H, W, 3), so that nothing of what is left out gets into what is kept."""
    if sigma <= 0:
        return photo
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(photo, unit_size(gray.shape)[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    inside = None if kept.min() == 1 else kept
    planes = (guided(plane, gray, BOX * sigma, EDGE, inside) for plane in cv2.split(small))
    return cv2.merge([_to_levels(np.clip(plane, 0, 1)) for plane in planes])


def _to_levels(plane: Plane) -> Gray:
    return cv2.convertScaleAbs(plane, alpha=255)
