"""The bytes of a photo -> upright RGB pixels. Decided by content, never by name or type."""

import io
import logging
import warnings
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn

import numpy as np
from PIL import Image, UnidentifiedImageError

from handler.arrays import Photo
from handler.bombs import refuse_bombs
from handler.errors import RequestError, refuse

# what Pillow may try; MPO, the phones' JPEG with several pictures in it, comes with JPEG
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """The largest photo that is taken."""

    megabytes: float = 20
    megapixels: float = 50


def decode(data: bytes, limits: Limits, side: int | None = None) -> Photo:
    """The bytes of a JPEG, PNG, WebP or GIF -> uint8 (H, W, 3) RGB, upright, first frame.

    With `side`, a JPEG may come out smaller, its long side not under `side`: decoding is then up
    to eight times as fast. Transparency is laid on white. Raises `RequestError`: 413 for more
    bytes or pixels than allowed, before anything is decoded; 400 for what is no such photo, or
    a damaged one.
    """
    if len(data) > limits.megabytes * 1e6:
        _too_large(f"{len(data) / 1e6:.1f} MB", f"{limits.megabytes:g} MB")
    refuse_bombs(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _decode(data, limits, side)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        _too_large("far more pixels", f"{limits.megapixels:g} megapixels")
    except (RequestError, MemoryError):
        raise
    except UnidentifiedImageError:
        refuse("photo: this is no JPEG, PNG, WebP or GIF")
    except Exception as error:  # whatever a decoder trips over in a damaged file
        logger.info("refused a damaged photo: %s", error)
        refuse("photo: the file is damaged; send a whole JPEG, PNG, WebP or GIF")


def _decode(data: bytes, limits: Limits, side: int | None) -> Photo:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        _check_pixels(image.size, limits)
        # checks the checksums of a PNG, which loading alone does not; then the file is spent
        image.verify()
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if side is not None and image.format in ("JPEG", "MPO"):
            image.draft(image.mode, _draft_size(image.size, side))
        image.load()
        _check_pixels(image.size, limits)
        upright = _UPRIGHT.get(_orientation(image))
        rgb = _rgb(image)
        return np.asarray(rgb if upright is None else rgb.transpose(upright))


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width * height > limits.megapixels * 1e6:
        _too_large(f"{width} x {height} pixels", f"{limits.megapixels:g} megapixels")


def _too_large(given: str, limit: str) -> NoReturn:
    message = f"photo: at most {limit} are taken, got {given}"
    raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)


def _draft_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    scale = min(1.0, side / max(size))
    return round(size[0] * scale), round(size[1] * scale)


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # broken EXIF does not spoil a whole photo
        return 1
    return value if isinstance(value, int) else 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _from_16_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(rgba, mask=rgba.getchannel("A"))
    return paper


def _from_16_bits(image: Image.Image) -> Image.Image:
    """Gray of 16 bits; Pillow's own conversion cuts it at 255."""
    levels = np.asarray(image)
    gray = (levels >> 8).astype(np.uint8)
    if "transparency" in image.info:
        gray[levels == image.info["transparency"]] = 255
    return Image.fromarray(gray).convert("RGB")
