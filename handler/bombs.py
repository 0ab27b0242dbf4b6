"""Small files that would cost a decoder too much: found by walking their headers alone."""

import re

from handler.errors import refuse

MOST_SCANS = 100
MOST_SEGMENTS = 5_000
MOST_NOTES = 1_000
MOST_CHUNKS = 100_000

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_PICTURE_CHUNKS = (b"IDAT", b"fdAT", b"fcTL")
# in entropy-coded data 0xff is followed by 0x00 or a restart marker, which are no segments
_JPEG_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA


def refuse_bombs(data: bytes) -> None:
    """Raise `RequestError` (400) for a JPEG or PNG built to keep a decoder busy."""
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data)
    elif data.startswith(_PNG_SIGNATURE):
        _check_png(data)


def _check_jpeg(data: bytes) -> None:
    position = segments = scans = 0
    while match := _JPEG_MARKER.search(data, position):
        marker = match[1][0]
        if marker == _EOI:
            return
        position = match.end()
        if marker != _SOI:
            position += int.from_bytes(data[position : position + 2], "big")
        segments += 1
        scans += marker == _SOS
        if scans > MOST_SCANS:
            refuse(f"photo: the JPEG has more than {MOST_SCANS} scans")
        if segments > MOST_SEGMENTS:
            refuse(f"photo: the JPEG has more than {MOST_SEGMENTS} segments")


def _check_png(data: bytes) -> None:
    position, chunks, notes = len(_PNG_SIGNATURE), 0, 0
    while position + 8 <= len(data):
        kind = data[position + 4 : position + 8]
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        chunks += 1
        notes += kind not in _PNG_PICTURE_CHUNKS
        if notes > MOST_NOTES or chunks > MOST_CHUNKS:
            refuse(f"photo: the PNG has more than {MOST_NOTES} notes or {MOST_CHUNKS} chunks")
        if kind == b"IEND":
            return
