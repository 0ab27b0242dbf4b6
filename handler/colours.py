"""What a file says of its colours -> a conversion to sRGB, by LittleCMS with perceptual intent."""

import io
import logging
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from handler.profiles import PRIMARIES, SRGB_PRIMARIES, TRANSFERS, Chromaticities, gamma_curve, make_profile, srgb_curve

Convert = Callable[[Image.Image], Image.Image]  # of the mode that `Conversion` names -> RGB

# A printer's profile has up to 3 MB; what is longer is no description of a photo.
MOST_PROFILE_BYTES = 4_000_000
# The gamma that files of sRGB state for want of a better number (PNG specification, 11.3.2.5).
_SRGB_GAMMA, _GAMMA_TOLERANCE = 0.45455, 0.005
# A space whose colours differ no more from sRGB's is sRGB as far as anyone sees; its levels stay as they are.
_SAME = 2
_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}

logger = logging.getLogger(__name__)


class Declared(NamedTuple):
    """Colours as a file declares them; the first that is there and is understood holds."""

    cicp: tuple[int, int] | None = None  # colour primaries and transfer by their numbers in ITU-T H.273
    icc: bytes | None = None
    srgb: bool = False
    gamma: float | None = None  # exponent from light to level
    chromaticities: Chromaticities | None = None


class Conversion(NamedTuple):
    """How pixels of one mode (RGB, L or CMYK) become sRGB."""

    mode: str
    apply: Convert


def conversion(declared: Declared, mode: str) -> Conversion | None:
    """Return the way of an image of that Pillow mode to sRGB; None where it is sRGB, or nothing usable is declared.

    A broken or huge profile counts as none.
    """
    for profile in _profiles(declared):
        try:
            return _from_icc(profile, mode)
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            logger.info("ignored a colour profile: %s", error)
    return None


def _profiles(declared: Declared) -> Iterator[bytes]:
    """Yield what is declared, as profiles, the one that beats the others first (PNG specification, 4.3)."""
    if declared.cicp is not None:
        primaries, transfer = declared.cicp
        yield make_profile(PRIMARIES.get(primaries, SRGB_PRIMARIES), TRANSFERS.get(transfer, srgb_curve))
    if declared.icc is not None:
        yield declared.icc
    if not declared.srgb and (declared.gamma is not None or declared.chromaticities is not None):
        yield from _from_numbers(declared)


def _from_numbers(declared: Declared) -> Iterator[bytes]:
    gamma = declared.gamma or _SRGB_GAMMA
    curve = srgb_curve if abs(gamma - _SRGB_GAMMA) < _GAMMA_TOLERANCE else gamma_curve(1 / gamma)
    try:
        yield make_profile(declared.chromaticities or SRGB_PRIMARIES, curve)
    except ValueError as error:
        logger.info("ignored what a PNG says of its colours: %s", error)


def _from_icc(profile: bytes, mode: str) -> Conversion | None:
    """Open a profile. Raises `ValueError` or Pillow's errors for a profile that is broken or not for such an image."""
    if len(profile) > MOST_PROFILE_BYTES:
        raise ValueError(f"it has {len(profile)} bytes")
    space = _MODES.get(profile[16:20].decode("latin-1"))
    if space is None or (space == "CMYK") != (mode == "CMYK") or (space == "L" and not _is_gray(mode)):
        raise ValueError(f"it is for {space}, the photo is {mode}")
    return _built(profile, space)


def _is_gray(mode: str) -> bool:
    return mode in ("1", "L", "LA", "La") or mode.startswith("I")


@lru_cache(maxsize=4)  # phones declare the same profile for every photo
def _built(profile: bytes, mode: str) -> Conversion | None:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(source, target, mode, "RGB", ImageCms.Intent.PERCEPTUAL)

    def apply(image: Image.Image) -> Image.Image:
        converted = ImageCms.applyTransform(image, transform)
        assert converted is not None  # it is None only where the conversion is in place
        return converted

    return None if mode != "CMYK" and _changes_nothing(apply, mode) else Conversion(mode, apply)


def _changes_nothing(apply: Convert, mode: str) -> bool:
    """Whether the corners and a grid of all colours stay within `_SAME` levels."""
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    image = Image.fromarray(grid).convert(mode)
    change = np.asarray(apply(image), np.int16) - np.asarray(image.convert("RGB"), np.int16)
    return bool(np.abs(change).max() <= _SAME)


def convert_levels(levels: NDArray[np.uint16], way: Conversion) -> NDArray[np.uint8]:
    """uint16 (H, W, 1 or 3) -> uint8 (H, W, 3) sRGB, by a conversion that knows 256 levels.

    Between two of these it is taken for linear, in each channel on its own. That keeps the shadows of linear
    light, of which 256 levels are too few: where those are far apart, sRGB is linear, too.
    """
    place = levels.astype(np.float32) / 257
    low = place.astype(np.uint8)
    base = _converted(low, way)
    result = base.copy()
    for channel in range(levels.shape[2]):
        high = low.copy()
        high[..., channel] += high[..., channel] < 255
        share = (place - low)[..., channel, None]
        result += share * (_converted(high, way) - base)
    return np.clip(np.rint(result), 0, 255).astype(np.uint8)


def _converted(levels: NDArray[np.uint8], way: Conversion) -> NDArray[np.float32]:
    image = Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
    return np.asarray(way.apply(image.convert(way.mode)), np.float32)


def unpack_profile(chunk: bytes) -> bytes | None:
    """Content of a PNG's iCCP chunk -> the profile; None when it is broken or longer than any profile is."""
    name, _, packed = chunk.partition(b"\0")
    if not 1 <= len(name) <= 79 or packed[:1] != b"\0":
        return None
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], MOST_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if unpacker.eof else None
