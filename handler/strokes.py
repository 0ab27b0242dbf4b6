"""What a pencil leaves on paper, as planes of noise: hatching, strokes along a form, the paper's grain.

Planes have a mean of about 0 and a deviation of about 1; graphite lies thicker where they are high. Noise is seeded
and drawn on a sheet of one size that pictures of every size show: the same strokes whatever the size.
"""

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from handler.arrays import Plane, Texture

SHEET_SIDE = 1024
FORM_SIDE = 512  # at which strokes along a form are drawn: what they follow is no finer

# All are tuned on 24 portraits drawn at 1024. Lengths are in pixels of the sheet, of which two are one at 512.
_SEED = 2012
_STROKE = 48  # long; box blurs of two thirds, twice, for strokes that taper off
_BREADTH = 0.6  # deviation across a stroke
_TOOTH = 0.7, 2.5  # deviations of the paper's fine and coarse grain
_COARSE_SHARE = 0.6
_FORM_STEPS = (1.0, 2.0, 4.0, 7.0)  # pixels at FORM_SIDE to both sides of a pixel: strokes of 28 in all
_SLOPE_SIGMA = 1.0  # pixels at FORM_SIDE
_FORM_SIGMA = 3.5
_HAND = 1.0e-2  # slope per pixel at FORM_SIDE, above which a form turns the hand from its own direction


class FormStrokes(NamedTuple):
    """Strokes along a form, and how clear it is."""

    strokes: Texture  # (h, w)
    clarity: Plane  # (h, w) in [0, 1], 1 where the strokes follow the form alone


@cache
def hatching(degrees: int) -> Texture:
    """Return strokes in that direction, counted from the right upwards: float32 (SHEET_SIDE, SHEET_SIDE)."""
    side = round(1.5 * SHEET_SIDE)  # holds the sheet however it is turned
    noise = _noise(side, stream=degrees)
    taper = (2 * _STROKE // 3, 1)
    strokes = cv2.GaussianBlur(cv2.blur(cv2.blur(noise, taper), taper), (1, 5), 0, sigmaY=_BREADTH)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1)
    turn[:, 2] -= (side - SHEET_SIDE) / 2
    return _standard(cv2.warpAffine(strokes, turn, (SHEET_SIDE, SHEET_SIDE)))


@cache
def grain() -> Texture:
    """Return the tooth of the paper: float32 (SHEET_SIDE, SHEET_SIDE)."""
    fine, coarse = (
        _standard(cv2.GaussianBlur(_noise(SHEET_SIDE, stream), (0, 0), sigma))
        for stream, sigma in zip((1, 2), _TOOTH, strict=True)
    )
    return _standard(fine + _COARSE_SHARE * coarse)


def shown(sheet: Texture, size: tuple[int, int]) -> Texture:
    """Return what a picture of `size` (H, W) shows of a sheet, at its size."""
    height, width = size
    scale = SHEET_SIDE / max(size)
    part = sheet[: max(1, round(height * scale)), : max(1, round(width * scale))]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)


def along_form(tone: Plane, degrees: int) -> FormStrokes:
    """Return strokes along the form where it is clear in the tone (h, w), and in that direction where it is not.

    Line integral convolution (Cabral and Leedom, "Imaging vector fields using line integral convolution", SIGGRAPH
    1993), in a few passes: each averages what lies to both sides of a pixel, twice as far as the one before.
    """
    step_x, step_y, clarity = _directions(tone, degrees)
    height, width = tone.shape
    columns, rows = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    strokes = _noise(FORM_SIDE, stream=3)[:height, :width]
    for length in _FORM_STEPS:
        before, after = (
            cv2.remap(strokes, columns + way * step_x, rows + way * step_y, cv2.INTER_LINEAR,
                      borderMode=cv2.BORDER_REFLECT) for way in (-length, length))  # fmt: skip
        strokes = (before + after + strokes) / 3
    return FormStrokes(_standard(strokes), clarity)


def _directions(tone: Plane, degrees: int) -> tuple[Plane, Plane, Plane]:
    """(h, w) -> the unit vector along the form, x and y, and how clear the form is: (h, w) each.

    The structure tensor as in `handler.enlarge`, to which the hand's own direction is added as a faint form.
    """
    soft = cv2.GaussianBlur(tone, (0, 0), _SLOPE_SIGMA)
    # 1 / 8: what this kernel makes of a slope of 1 per pixel
    slope_x, slope_y = (cv2.Sobel(soft, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), _FORM_SIGMA)
                  for product in (slope_x * slope_x, slope_y * slope_y, slope_x * slope_y))  # fmt: skip
    # At twice the angle a of the direction across the form: difference = strength cos 2a, doubled = strength sin 2a.
    difference, doubled = xx - yy, 2 * xy
    strength = np.sqrt(difference * difference + doubled * doubled)
    clarity = strength / (xx + yy + _HAND**2)
    across = np.deg2rad(2 * (90 - degrees))  # twice the angle of the direction across the hand's
    difference += np.float32(_HAND**2 * np.cos(across))
    doubled += np.float32(_HAND**2 * np.sin(across))
    cosine = difference / np.sqrt(difference * difference + doubled * doubled + np.float32(1e-20))
    # the tangent (sin a, -cos a), from sin^2 a = (1 - cos 2a) / 2 and cos^2 a = (1 + cos 2a) / 2
    step_x, step_y = (np.sqrt(np.maximum(0.5 * (1 + sign * cosine), 0)) for sign in (-1, 1))
    return step_x, np.copysign(step_y, -doubled), clarity


@cache
def _noise(side: int, stream: int) -> Texture:
    return np.random.default_rng((_SEED, stream)).random((side, side), np.float32)


def _standard(plane: Texture) -> Texture:
    """Return the plane with a mean of 0 and a deviation of 1."""
    return (plane - plane.mean()) / max(float(plane.std()), 1e-6)
