"""Whether a JPEG is whole but for its end mark, or lacks a part of its picture.

A decoder fills what is missing with gray and says nothing. Whether anything is missing is seen by what follows: a
whole picture is the same whatever comes after it, one that is cut takes what comes after it for its own.
"""

import io
import zlib

import numpy as np
from PIL import Image

from handler.bombs import Walk

END_MARK = b"\xff\xd9"
# Levels of a picture, without the byte 0xff that begins a marker; any would do.
_NOISE = np.random.default_rng(0).integers(0, 255, 1024, np.uint8).tobytes()
# Pictures with restart markers read on after the next of these only.
_OTHER_END = _NOISE + b"".join(bytes((0xFF, 0xD0 + i)) + _NOISE for i in range(8)) + END_MARK
_FILLING = 128


def with_end_mark(data: bytes, walk: Walk, draft: tuple[int, int]) -> bytes:
    """Return `data` with its end mark, which was all that it lacked; `draft` is the size it is decoded at.

    Raises `ValueError` where a part of the picture is missing.
    """
    if walk.end is not None:
        return data
    picture = data.removesuffix(b"\xff")
    if not walk.complete or not _is_whole(picture, draft):
        raise ValueError("a part of the picture is missing before its end")
    return picture + END_MARK


def check_filling(image: Image.Image, data: bytes, walk: Walk, draft: tuple[int, int]) -> None:
    """Raise `ValueError` where the last pixel of a decoded JPEG is the gray that a decoder fills gaps with."""
    last = image.getpixel((image.width - 1, image.height - 1))
    gray = (_FILLING,) * 3 if image.mode == "RGB" else _FILLING
    if last == gray and not _is_whole(data[: walk.end], draft):
        raise ValueError("a part of the picture is missing")


def _is_whole(picture: bytes, draft: tuple[int, int]) -> bool:
    return _checksum(picture + END_MARK, draft) == _checksum(picture + _OTHER_END, draft)


def _checksum(data: bytes, draft: tuple[int, int]) -> int:
    checksum = 0
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        image.draft(image.mode, draft)
        image.load()
        for top in range(0, image.height, 256):
            rows = image.crop((0, top, image.width, min(top + 256, image.height)))
            checksum = zlib.crc32(rows.tobytes(), checksum)
    return checksum
