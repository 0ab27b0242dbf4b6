"""A contact sheet: one photo in many lights and framings, and what a network draws of each."""

from collections.abc import Callable

import cv2
import numpy as np

from model.training.backgrounds import Image
from model.training.measure import Artist

CELL = 256  # longer side of a photo on the sheet, pixels
Variant = Callable[[Image], Image]


def _light(gain: float, offset: float = 0.0) -> Variant:
    return lambda photo: np.clip(photo * gain + offset, 0, 255).astype(np.uint8)


def _gray(photo: Image) -> Image:
    return np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.uint8)


def _part(top: float, left: float, height: float, width: float) -> Variant:
    def cut(photo: Image) -> Image:
        rows, columns = photo.shape[:2]
        y, x = round(top * rows), round(left * columns)
        return photo[y : y + round(height * rows), x : x + round(width * columns)]

    return cut


VARIANTS: dict[str, Variant] = {
    "as it is": lambda photo: photo,
    "dark": _light(0.25),
    "bright": _light(1.5, 30),
    "low contrast": _light(0.3, 100),
    "gray": _gray,
    "mirrored": lambda photo: np.ascontiguousarray(photo[:, ::-1]),
    "close": _part(0, 0.2, 0.5, 0.5),
    "off centre": _part(0, 0.3, 0.7, 0.7),
    "wide": _part(0, 0, 0.55, 1),
    "tall": _part(0, 0.2, 1, 0.5),
}


def contact_sheet(photo: Image, artist: Artist, columns: int = 2) -> Image:
    """RGB uint8 (H, W, 3) -> a sheet of pairs, photo and drawing, RGB uint8."""
    pairs = [_pair(variant(photo), artist) for variant in VARIANTS.values()]
    height, width = (max(pair.shape[axis] for pair in pairs) for axis in (0, 1))
    padded = [
        np.pad(p, ((0, height - p.shape[0] + 8), (0, width - p.shape[1] + 8), (0, 0)), constant_values=255)
        for p in pairs
    ]
    rows = [np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)]
    return np.asarray(np.vstack(rows), np.uint8)


def _pair(photo: Image, artist: Artist) -> Image:
    drawing = cv2.cvtColor(artist(photo), cv2.COLOR_GRAY2RGB)
    scale = CELL / max(photo.shape[:2])
    both = np.hstack([photo, drawing])
    return np.asarray(cv2.resize(both, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
