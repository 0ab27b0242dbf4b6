"""A decoded picture as its file stores it -> upright RGB, strip by strip, so that no second copy of it is made."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.arrays import Photo
from handler.colours import Conversion, Declared, conversion, convert_levels

_STRIP_PIXELS = 1_000_000

# EXIF orientation -> a view of the upright picture that has rows and columns as the file has them
_AS_STORED: dict[int, Callable[[Photo], Photo]] = {
    2: lambda photo: photo[:, ::-1],
    3: lambda photo: photo[::-1, ::-1],
    4: lambda photo: photo[::-1],
    5: lambda photo: photo.transpose(1, 0, 2),
    6: lambda photo: photo[:, ::-1].transpose(1, 0, 2),
    7: lambda photo: photo[::-1, ::-1].transpose(1, 0, 2),
    8: lambda photo: photo[::-1].transpose(1, 0, 2),
}
_ON_ITS_SIDE = (5, 6, 7, 8)


class Stored(NamedTuple):
    """A picture whose pixels are decoded, its colours not yet converted."""

    size: tuple[int, int]  # width, height
    rows: Callable[[int, int], Image.Image]  # from, to -> these rows as RGB
    orientation: int = 1  # as EXIF numbers them


def upright(stored: Stored) -> Photo:
    """uint8 (H, W, 3) RGB, turned by the orientation."""
    (width, height), orientation = stored.size, stored.orientation
    shape = (width, height, 3) if orientation in _ON_ITS_SIDE else (height, width, 3)
    photo = np.empty(shape, np.uint8)
    target = _AS_STORED[orientation](photo) if orientation in _AS_STORED else photo
    step = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        target[top:bottom] = np.asarray(stored.rows(top, bottom))
    return photo


def from_image(image: Image.Image, declared: Declared, orientation: int) -> Stored:
    """Return the picture of a loaded image. Colours as declared become sRGB, transparency becomes white."""

    def strip(top: int, bottom: int) -> Image.Image:
        return image.crop((0, top, image.width, bottom))

    return with_colours(image.size, strip, declared, image.mode, orientation)


def with_colours(
    size: tuple[int, int],
    strip: Callable[[int, int], Image.Image],
    declared: Declared,
    mode: str,
    orientation: int = 1,
) -> Stored:
    """Return the picture whose rows `strip` gives in that Pillow mode, with the colours that are declared."""
    found = conversion(declared, mode)
    return Stored(size, lambda top, bottom: _rgb(strip(top, bottom), found), orientation)


def needs_levels(image: Image.Image, declared: Declared) -> bool:
    """Whether the 256 levels that Pillow gives of a PNG of 16 bits are too few: to convert it, or to find the
    colour that is transparent."""
    keyed = image.mode == "RGB" and "transparency" in image.info
    return keyed or conversion(declared, image.mode) is not None


def from_levels(data: bytes, declared: Declared, orientation: int) -> Stored:
    """Return the picture of a whole PNG of 16 bits."""
    # (H, W) gray or (H, W, 3 or 4) BGR(A), in which OpenCV makes a transparent colour alpha
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        raise ValueError("OpenCV takes it for no PNG of 16 bits")
    levels: NDArray[np.uint16] = np.atleast_3d(decoded)
    found = conversion(declared, "L" if levels.shape[2] == 1 else "RGB")

    def rows(top: int, bottom: int) -> Image.Image:
        return _from_levels(levels[top:bottom], found)

    return Stored((levels.shape[1], levels.shape[0]), rows, orientation)


def _from_levels(levels: NDArray[np.uint16], found: Conversion | None) -> Image.Image:
    colours = levels[..., 2::-1] if levels.shape[2] > 1 else levels
    rgb = _high_bytes(colours).convert("RGB") if found is None else Image.fromarray(convert_levels(colours, found))
    return rgb if levels.shape[2] < 4 else _on_white(rgb, _high_bytes(levels[..., 3:]))


def _high_bytes(levels: NDArray[np.uint16]) -> Image.Image:
    high = (levels >> 8).astype(np.uint8)
    return Image.fromarray(high[..., 0] if high.shape[2] == 1 else high)


def _rgb(strip: Image.Image, found: Conversion | None) -> Image.Image:
    if strip.mode.startswith("I;16"):
        return _from_16_bits(strip)
    if not strip.has_transparency_data:
        return _converted(strip, found)
    rgba = strip.convert("RGBA")
    return _on_white(_converted(rgba if found is None or found.mode == "RGB" else strip, found), rgba.getchannel("A"))


def _converted(strip: Image.Image, found: Conversion | None) -> Image.Image:
    return strip.convert("RGB") if found is None else found.apply(strip.convert(found.mode))


def _on_white(rgb: Image.Image, alpha: Image.Image) -> Image.Image:
    paper = Image.new("RGB", rgb.size, "white")
    paper.paste(rgb, mask=alpha)
    return paper


def _from_16_bits(strip: Image.Image) -> Image.Image:
    """Gray of 16 bits; Pillow's own conversion cuts it at 255."""
    levels = np.asarray(strip)
    gray = (levels >> 8).astype(np.uint8)
    if "transparency" in strip.info:
        gray[levels == strip.info["transparency"]] = 255
    return Image.fromarray(gray).convert("RGB")
