"""A PNG by its chunks: the colours that it declares, and the bytes that are left for a decoder."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from handler.bombs import PNG_SIGNATURE
from handler.colours import Declared, unpack_profile
from handler.profiles import Chromaticities

_COLOUR_CHUNKS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
_END = b"\0\0\0\0IEND\xae\x42\x60\x82"


class Png(NamedTuple):
    """A PNG without what it says of its colours, so that none of that can spoil the picture."""

    data: bytes  # with its end mark, also where only that was missing
    declared: Declared
    depth: int  # bits of a level


def read_png(data: bytes) -> Png:
    """Take apart a PNG that may be damaged anywhere."""
    said: dict[bytes, bytes] = {}
    kept, start, end, ended = [], 0, len(PNG_SIGNATURE), False
    for kind, content_start, end in _chunks(data):
        if kind in _COLOUR_CHUNKS:
            said.setdefault(kind, data[content_start : end - 4])
            kept.append(data[start : content_start - 8])
            start = end
        ended = ended or kind == b"IEND"
    if not ended and _END.startswith(data[end:]):
        kept += [data[start:end], _END]
    else:
        kept.append(data[start:])
    whole = b"".join(kept) if len(kept) > 1 else data
    return Png(whole, _declared(said), data[24] if len(data) > 24 else 8)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin of the content and end of the chunk with its checksum, for all whole chunks."""
    at = len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        kind = data[at + 4 : at + 8]
        yield kind, at + 8, end
        if kind == b"IEND":
            return
        at = end


def _declared(said: dict[bytes, bytes]) -> Declared:
    """Chunks that are too short or out of range say nothing."""
    cicp, gamma = said.get(b"cICP", b""), said.get(b"gAMA", b"")
    return Declared(
        # the third number is the matrix, which is none in a PNG, the fourth the range, which is full
        cicp=(cicp[0], cicp[1]) if len(cicp) == 4 and cicp[2:] == b"\0\x01" else None,
        icc=unpack_profile(said[b"iCCP"]) if b"iCCP" in said else None,
        srgb=b"sRGB" in said,
        gamma=_gamma(int.from_bytes(gamma, "big")) if len(gamma) == 4 else None,
        chromaticities=_chromaticities(said.get(b"cHRM", b"")),
    )


def _gamma(stated: int) -> float | None:
    """Hundred-thousandths; outside of 0.1 to 10 it is a mistake, as libpng takes it for, too."""
    return stated / 1e5 if 1e4 <= stated <= 1e6 else None


def _chromaticities(content: bytes) -> Chromaticities | None:
    if len(content) != 32:
        return None
    wx, wy, rx, ry, gx, gy, bx, by = (number / 1e5 for number in struct.unpack(">8I", content))
    return wx, wy, rx, ry, gx, gy, bx, by
