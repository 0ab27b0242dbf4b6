"""A person in pencil: tone of the photo, laid down in strokes under the network's lines.

Graphite is what planes hold here: float32 (h, w), 0 bare paper and 1 black. Lengths are in pixels at 512. Tone and
strokes are worked out on the sheet of `handler.strokes` and brought to the picture's size: the same look at every size,
and a larger picture costs little more.
"""

from typing import TypeVar

import cv2
import numpy as np

from handler.arrays import Graphite, Gray, LineMap, Mask, Photo, Plane, Texture
from handler.strokes import FORM_SIDE, SHEET_SIDE, along_form, grain, hatching, shown

Size = tuple[int, int]
_Image = TypeVar("_Image", Gray, Plane)

# All are tuned on 24 portraits drawn at 1024. Those of tone make most of a person lighter than 0.7, as pencil drawings
# are (Lu, Xu and Jia, "Combining Sketch and Tone for Pencil Drawing Production", NPAR 2012).
HAND, ACROSS = 52, 128  # degrees from the right upwards
DARKEST_SHARE, LIGHTEST_SHARE = 0.01, 0.97  # of the person's pixels are beyond what becomes black and white
FOOT, HEAD = 0.6, 0.25  # shares that dark and light end keep of their distance from black and white
MEDIAN = 0.72
LEAST_GAMMA, MOST_GAMMA = 0.6, 0.85  # bounds that keep dark skin dark and light skin light
SMOOTHING = 3.0
SMOOTHING_CONTRAST = 0.05  # of tone; differences well below it are texture
HATCHED, HATCHED_DEEP = 0.42, 0.34  # share by which strokes darken and lighten, in light tones and in deep ones
CROSSED = 0.45  # the same, of strokes across, in deep tones
DEEP = 0.33, 0.6  # darkness from which strokes are crossed, and at which they are fully
SOLID = 0.95  # the darkest tone; what is darker is for lines
INK = 0.9
MASS_SIGMA = 7.0
MASS = 0.35, 0.8  # share of ink around from which it fills an area, and at which it is sure to
MASS_OPENED = 0.28  # how much lighter filled areas are than eyes, brows and mouth
GRAIN = 0.11
FADE = 26.0  # from the picture's border
FADE_STROKES = 5.0  # deviation of the strokes' ends
GRAPHITE = 0.93  # as dark as a pencil can be


def pencil(photo: Photo, lines: LineMap, person: Mask) -> Graphite:
    """Draw a person in pencil.

    Photo (uint8 (H, W, 3) RGB), line map (float32 (H, W), 0 ink and 1 paper) and mask of the person (float32 (H, W),
    1 inside) -> graphite, float32 (H, W) in [0, 1]. Outside of the mask the paper is bare.
    """
    size = _fitting(lines.shape, SHEET_SIDE)
    gray = _resized(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), size)
    tone = _smoothed(cv2.LUT(gray, tone_curve(gray, _resized(person, size))), max(size) / 512)
    shading, flow = _hatched(1 - tone)
    strength = _ink_strength(1 - _resized(lines, size), flow)
    paper, strength, finish = (_resized(plane, lines.shape) for plane in (1 - shading, strength, _finish(size)))
    strength *= 1 - lines
    paper *= 1 - strength
    graphite = 1 - paper
    graphite *= finish
    return np.clip(graphite, 0, GRAPHITE, out=graphite) * person


def tone_curve(gray: Gray, person: Mask) -> Plane:
    """Return the tone of each gray level, float32 (256,) in [0, 1]: what suits the person's own levels.

    The person's darkest and lightest are stretched most of the way to black and white, and the median is bent toward
    a light one. Without a person the whole photo counts.
    """
    # every other pixel of every other row: a quarter tells the same
    levels, inside = gray[::2, ::2], person[::2, ::2] > 0.5
    counts = np.bincount(levels[inside] if inside.any() else levels.ravel(), minlength=256)
    share = np.cumsum(counts) / counts.sum()
    dark, median, light = (np.searchsorted(share, part) / 255 for part in (DARKEST_SHARE, 0.5, LIGHTEST_SHARE))
    black, white = FOOT * dark, max(light + HEAD * (1 - light), 1 / 255)
    middle = np.clip((median - black) / (white - black), 0.02, 0.98)
    gamma = np.clip(np.log(MEDIAN) / np.log(middle), LEAST_GAMMA, MOST_GAMMA)
    stretched = np.clip((np.arange(256) / 255 - black) / (white - black), 0, 1)
    return (stretched**gamma).astype(np.float32)


def _smoothed(tone: Plane, unit: float) -> Plane:
    """Texture is smoothed, edges stay.

    He, Sun and Tang, "Guided image filtering", PAMI 2013, guided by the plane itself.
    """
    side = 2 * max(1, round(SMOOTHING * unit)) + 1
    mean = cv2.blur(tone, (side, side))
    variance = np.maximum(cv2.blur(tone * tone, (side, side)) - mean * mean, 0)
    kept = variance / (variance + SMOOTHING_CONTRAST**2)
    rest = mean - kept * mean
    return np.clip(cv2.blur(kept, (side, side)) * tone + cv2.blur(rest, (side, side)), 0, 1)


def _hatched(dark: Graphite) -> tuple[Graphite, Texture]:
    """Darkness (h, w) -> the same in strokes, and the strokes along the form by themselves."""
    size = dark.shape
    form = along_form(_resized(1 - dark, _fitting(size, FORM_SIDE, enlarged=True)), HAND)
    flow, clarity = (_resized(plane, size) for plane in form)
    hand, across = (shown(hatching(degrees), size) for degrees in (HAND, ACROSS))
    deep = _step(dark, *DEEP)
    strokes = hand + clarity * (flow - hand)
    strokes *= HATCHED + (HATCHED_DEEP - HATCHED) * deep
    strokes += CROSSED * deep * (1 - clarity) * across
    return np.clip(dark * (1 + strokes), 0, SOLID), flow


def _ink_strength(ink: Graphite, flow: Texture) -> Plane:
    """How dark ink (h, w) becomes: eyes, brows and mouth darkest, filled hair and cloth open along their strokes."""
    reduced = _resized(ink, _fitting(ink.shape, FORM_SIDE // 4))
    around = cv2.GaussianBlur(reduced, (0, 0), MASS_SIGMA / 4)
    return INK - MASS_OPENED * _step(_resized(around, ink.shape), *MASS) * np.clip(1 - 0.5 * flow, 0, 1.6)


def _finish(size: Size) -> Plane:
    """Return what graphite is multiplied with: the paper's grain, and strokes that end before the picture's border."""
    height, width = ((np.minimum(np.arange(side), np.arange(side)[::-1]) * 512 / max(size)).astype(np.float32)
                     for side in size)  # fmt: skip
    inside = np.minimum(height[:, None], width[None]) + FADE_STROKES * shown(hatching(HAND), size)
    return _step(inside, 0, FADE) * (1 + GRAIN * shown(grain(), size))


def _step(plane: Plane, low: float, high: float) -> Plane:
    """Return a smooth step from 0 at `low` to 1 at `high`."""
    share = np.clip((plane - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _fitting(size: Size, side: int, enlarged: bool = False) -> Size:
    """`size` reduced to a long side of `side`; smaller ones stay, unless they are to be enlarged."""
    scale = side / max(size)
    if scale >= 1 and not enlarged:
        return size
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(plane: _Image, size: Size) -> _Image:
    """Resize the plane to `size`; a copy, even where it has that size."""
    shrinks = size[0] * size[1] < plane.shape[0] * plane.shape[1]
    return cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
