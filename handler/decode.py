"""The bytes of a photo -> upright sRGB pixels. Decided by content, never by name or type."""

import io
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn

from PIL import AvifImagePlugin, Image, UnidentifiedImageError

from handler.arrays import Photo
from handler.bombs import PNG_SIGNATURE, refuse_bombs, walk_jpeg
from handler.boxes import brands, is_boxed, read_still
from handler.chunks import Png, read_png
from handler.colours import Declared
from handler.errors import RequestError, refuse
from handler.heic import open_heic
from handler.jpeg_end import check_filling, with_end_mark
from handler.kinds import PHOTOS, other_kind
from handler.stored import Stored, from_image, from_levels, needs_levels, upright

# what Pillow may try where the first bytes are none of those told apart here
_OTHERS = ("WEBP", "GIF")
_JPEG_SIGNATURE = b"\xff\xd8\xff"
_SMALLEST_SCALE = 8  # a JPEG is decoded at 1/1, 1/2, 1/4 or 1/8
# What a progressive JPEG keeps until its last scan, at two bytes each; 65 megapixels of three full components pass.
_MOST_BUFFERED_SAMPLES = 200_000_000
_ORIENTATION_TAG = 0x0112

# Ours hold instead: Pillow's own limit counts what a JPEG states, not what is decoded of it.
Image.MAX_IMAGE_PIXELS = None
# workers share the cores among themselves
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """The largest photo that is taken."""

    megabytes: float = 20
    megapixels: float = 65  # as decoded
    jpeg_megapixels: float = 220  # as stated by a JPEG, which can be decoded smaller


def decode(data: bytes, limits: Limits, side: int | None = None) -> Photo:
    """Decode a JPEG, PNG, WebP, GIF, AVIF or HEIC: uint8 (H, W, 3) sRGB, upright, first frame.

    With `side`, a JPEG may come out smaller, its long side not under `side`: decoding is then up
    to eight times as fast. Transparency is laid on white. A file that lacks only its end mark is
    whole. Raises `RequestError`: 413 for more bytes or pixels than allowed, before anything is
    decoded; 400 for what is no such photo, saying what it is, or a damaged one.
    """
    if len(data) > limits.megabytes * 1e6:
        _too_large(f"{len(data) / 1e6:.1f} MB", f"{limits.megabytes:g} MB")
    refuse_bombs(data)
    try:
        return upright(_open(data, limits, side))
    except (RequestError, MemoryError):
        raise
    except UnidentifiedImageError:
        refuse(f"photo: {other_kind(data) or f'this is no {PHOTOS}'}")
    except Exception as error:  # whatever a decoder trips over in a damaged file
        logger.info("refused a damaged photo: %s", type(error).__name__)  # its words may quote the photo
        refuse(f"photo: the file is damaged; send a whole {PHOTOS}")


def _open(data: bytes, limits: Limits, side: int | None) -> Stored:
    if is_boxed(data) and other_kind(data) is None:
        return _open_boxed(data, limits)
    if data.startswith(PNG_SIGNATURE):
        return _open_png(read_png(data), limits)
    if data.startswith(_JPEG_SIGNATURE):
        return _open_jpeg(data, limits, side)
    return _open_other(data, limits)


def _open_boxed(data: bytes, limits: Limits) -> Stored:
    still = read_still(data)
    _check_pixels(still.size, limits.megapixels)
    if {b"avif", b"avis"}.isdisjoint(brands(data)):
        return open_heic(data, still)
    with Image.open(io.BytesIO(data), formats=("AVIF",)) as image:
        _check_pixels(image.size, limits.megapixels)
        image.load()
        icc = image.info.get("icc_profile")
        # Pillow says by EXIF how the container wants it turned, whatever EXIF said before
        return from_image(image, Declared(icc=icc, cicp=None if icc else still.cicp), _orientation(image))


def _open_png(png: Png, limits: Limits) -> Stored:
    with Image.open(io.BytesIO(png.data), formats=("PNG",)) as image:
        _check_pixels(image.size, limits.megapixels)
        # checks the checksums, which loading alone does not; then the file is spent
        image.verify()
    with Image.open(io.BytesIO(png.data), formats=("PNG",)) as image:
        image.load()
        orientation = _orientation(image)
        if png.depth < 16 or not needs_levels(image, png.declared):
            return from_image(image, png.declared, orientation)
    return from_levels(png.data, png.declared, orientation)


def _open_jpeg(data: bytes, limits: Limits, side: int | None) -> Stored:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        _check_pixels(image.size, limits.jpeg_megapixels)
        draft = _draft_size(image.size, side, limits)
    walk = walk_jpeg(data)
    if walk.buffered > _MOST_BUFFERED_SAMPLES:
        most = f"{_MOST_BUFFERED_SAMPLES / 1e6:.0f} million levels of a JPEG of several scans"
        _too_large(f"{walk.buffered / 1e6:.0f} million", most)
    whole = with_end_mark(data, walk, draft)
    with Image.open(io.BytesIO(whole), formats=("JPEG",)) as image:
        image.draft(image.mode, draft)
        image.load()
        _check_pixels(image.size, limits.megapixels)
        check_filling(image, whole, walk, draft)
        return from_image(image, Declared(icc=image.info.get("icc_profile")), _orientation(image))


def _open_other(data: bytes, limits: Limits) -> Stored:
    if data.startswith(b"RIFF") and int.from_bytes(data[4:8], "little") == len(data) - 7:
        data += b"\0"  # the filling byte after an odd number of bytes, the last of a WebP
    with Image.open(io.BytesIO(data), formats=_OTHERS) as image:
        _check_pixels(image.size, limits.megapixels)
        image.load()
        _check_pixels(image.size, limits.megapixels)
        return from_image(image, Declared(icc=image.info.get("icc_profile")), _orientation(image))


def _check_pixels(size: tuple[int, int], megapixels: float) -> None:
    width, height = size
    if width * height > megapixels * 1e6:
        _too_large(f"{width} x {height} pixels", f"{megapixels:g} megapixels")


def _too_large(given: str, limit: str) -> NoReturn:
    message = f"photo: at most {limit} are taken, got {given}"
    raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)


def _draft_size(size: tuple[int, int], side: int | None, limits: Limits) -> tuple[int, int]:
    """Return what to ask of a JPEG: `side`, or as much as is allowed; it comes out no smaller than that."""
    width, height = size
    scale = 1
    while scale < _SMALLEST_SCALE and (-(-width // scale)) * (-(-height // scale)) > limits.megapixels * 1e6:
        scale *= 2
    wanted = min(1.0, side / max(size)) if side else 1.0
    if wanted * scale <= 1:
        return round(width * wanted), round(height * wanted)
    return max(1, width // scale), max(1, height // scale)


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # broken EXIF does not spoil a whole photo
        return 1
    return value if isinstance(value, int) else 1
