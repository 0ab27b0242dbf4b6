"""Small files that would cost a decoder too much: found by walking their headers alone."""

import re
from typing import NamedTuple

from handler.errors import refuse

MOST_SCANS = 100
MOST_SEGMENTS = 5_000
MOST_NOTES = 1_000
MOST_CHUNKS = 100_000
# Every scan goes over the whole picture: 98 of them over 49 megapixels in 199 kB took 10 s. Encoders write 6 to 10
# scans of three components, so that 65 megapixels pass; that is worth 2 s on the machine that this was measured on.
# What costs so much has to be as large as photos are: at 10 scans, beyond the first 5 megapixels, 0.27 bits a pixel,
# less than JPEG's quality 75 makes of a photo that was enlarged six times.
MOST_SCANNED_MEGAPIXELS = 1_000
_SCANNED_PIXELS_FREE = 50e6
_SCANNED_PIXELS_OF_A_BYTE = 300

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_PICTURE_CHUNKS = (b"IDAT", b"fdAT", b"fcTL")
# in entropy-coded data 0xff is followed by 0x00 or a restart marker, which are no segments
_JPEG_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
# DHT, JPG and DAC lie among the frame headers (ITU-T T.81, table B.1)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Walk(NamedTuple):
    """What the markers of a JPEG say, up to its end."""

    scans: tuple[bytes, ...]  # headers
    frame: bytes  # the first header of the picture; empty when there is none
    end: int | None  # where the end mark is; None when there is none

    @property
    def pixels(self) -> int:
        """Width times height as stated."""
        return int.from_bytes(self.frame[1:3], "big") * int.from_bytes(self.frame[3:5], "big")

    @property
    def buffered(self) -> int:
        """Samples that a decoder keeps until the last scan; 0 where rows are done one after another.

        Baseline pictures of one scan need none. The share of each component is its sampling factors' product.
        """
        factors = [(factor >> 4, factor & 15) for factor in self.frame[7::3][: self.frame[5] if self.frame else 0]]
        if len(self.scans) < 2 or not factors:
            return 0
        across, down = (max(1, *column) for column in zip(*factors, (1, 1), strict=True))
        return self.pixels * sum(a * d for a, d in factors) // (across * down)

    @property
    def complete(self) -> bool:
        """Whether the scans hold every bit of every coefficient of every component (ITU-T T.81, G.1.1.1)."""
        missing = {component: set(range(64)) for component in self.frame[6::3][: self.frame[5] if self.frame else 0]}
        for scan in (scan for scan in self.scans if len(scan) > 3):
            first, last, low = scan[-3], scan[-2], scan[-1] & 15
            for component in scan[1:-3:2] if low == 0 else b"":
                missing.get(component, set()).difference_update(range(first, last + 1))
        return not any(missing.values())


def refuse_bombs(data: bytes) -> None:
    """Raise `RequestError` (400) for a JPEG or PNG built to keep a decoder busy."""
    if data.startswith(b"\xff\xd8"):
        _check_scans(walk_jpeg(data), len(data))
    elif data.startswith(PNG_SIGNATURE):
        _check_png(data)


def _check_scans(walk: Walk, size: int) -> None:
    """Refuse a JPEG of `size` bytes whose scans go over more pixels than it is worth."""
    if len(walk.scans) < 2:
        return
    worth = _SCANNED_PIXELS_FREE + _SCANNED_PIXELS_OF_A_BYTE * (walk.end or size)
    if len(walk.scans) * walk.pixels > min(worth, MOST_SCANNED_MEGAPIXELS * 1e6):
        scans = f"{len(walk.scans)} scans of {walk.pixels / 1e6:.0f} megapixels in {size / 1e6:.1f} MB"
        refuse(f"photo: the JPEG has {scans}, too much for its size; save it again")


def walk_jpeg(data: bytes) -> Walk:
    """Go from marker to marker. Raises `RequestError` (400) when there are too many."""
    position, segments, frame = 0, 0, b""
    scans: list[bytes] = []
    while match := _JPEG_MARKER.search(data, position):
        marker = match[1][0]
        if marker == _EOI:
            return Walk(tuple(scans), frame, match.start())
        position = match.end()
        length = 0 if marker == _SOI else int.from_bytes(data[position : position + 2], "big")
        if marker == _SOS:
            scans.append(data[position + 2 : position + length])
        elif marker in _FRAMES and not frame:
            frame = data[position + 2 : position + length]
        position += length
        segments += 1
        _check_counts(len(scans), segments)
    return Walk(tuple(scans), frame, None)


def _check_counts(scans: int, segments: int) -> None:
    if scans > MOST_SCANS:
        refuse(f"photo: the JPEG has more than {MOST_SCANS} scans")
    if segments > MOST_SEGMENTS:
        refuse(f"photo: the JPEG has more than {MOST_SEGMENTS} segments")


def _check_png(data: bytes) -> None:
    position, chunks, notes = len(PNG_SIGNATURE), 0, 0
    while position + 8 <= len(data):
        kind = data[position + 4 : position + 8]
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        chunks += 1
        notes += kind not in _PNG_PICTURE_CHUNKS
        if notes > MOST_NOTES or chunks > MOST_CHUNKS:
            refuse(f"photo: the PNG has more than {MOST_NOTES} notes or {MOST_CHUNKS} chunks")
        if kind == b"IEND":
            return
