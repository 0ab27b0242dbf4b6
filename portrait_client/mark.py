"""The mark of a picture that this client has saved: that it is one, and how it was drawn.

An answer carries no metadata; the mark is put in when a picture is saved, where programs look for the software's name:
the text `Software` of a PNG, the EXIF tag of that name in a JPEG and a WebP. An SVG has a comment. Nothing of the photo
is in it but a checksum of its file's name, which tells a.jpg from a.png.
"""

import json
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from portrait_client.options import USUAL, Options
from portrait_client.picture import Picture

_NAME = "Portrait drawing"
_TEXT = re.compile(rb'Portrait drawing (\{"weights":[^\0]{0,2000}?\}\})')
_ENDS = 4096  # bytes: every mark lies near the beginning or the end of its file
_SOFTWARE = 0x0131  # TIFF 6.0, page 35
_ASCII = 2  # TIFF 6.0, page 15
_VP8X_EXIF, _VP8X_ALPHA = 0x08, 0x10  # RFC 9649, 2.7.1


@dataclass(frozen=True)
class Mark:
    """How a picture was drawn."""

    weights: str | None  # as the answer says; None where it says nothing, over gRPC
    photo: str  # `checksum` of the photo's file name
    options: dict[str, str]  # `choices` of it

    def text(self) -> bytes:
        """One line of ASCII, without the two hyphens that end a comment."""
        told = json.dumps(asdict(self), separators=(",", ":")).replace("--", r"-\u002d")
        return f"{_NAME} {told}".encode()


def mark_of(picture: Picture, photo: str, options: Options) -> Mark:
    """Return the mark for the picture of the photo whose file has this name."""
    return Mark(picture.weights, checksum(photo), choices(options))


def choices(options: Options) -> dict[str, str]:
    """Return the fields that are given and are not what they are without being given."""
    usual = USUAL.fields()
    return {name: value for name, value in options.fields().items() if value != usual.get(name)}


def checksum(name: str) -> str:
    """CRC-32 of a file's name, in hexadecimal."""
    return f"{zlib.crc32(name.encode(errors='surrogateescape')):08x}"


def marked(picture: Picture, mark: Mark) -> bytes:
    """Return the picture's file with the mark in it; the pixels stay as they are."""
    return _WAYS_IN[picture.content_type](picture.data, mark.text())


def read_mark(path: Path) -> Mark | None:
    """Return the mark in a file; None where there is none, or no file that can be read."""
    try:
        status = path.stat()
        return _read(path, status.st_ino, status.st_mtime_ns, status.st_size)
    except OSError:
        return None


@lru_cache(maxsize=100_000)  # a folder that is watched is searched every second
def _read(path: Path, inode: int, changed: int, size: int) -> Mark | None:  # noqa: ARG001  a file as it is now
    with path.open("rb") as file:
        first = file.read(_ENDS)
        file.seek(-min(_ENDS, size), 2)
        found = _TEXT.search(first) or _TEXT.search(file.read())
    try:
        return Mark(**json.loads(found[1])) if found else None
    except (ValueError, TypeError):
        return None


def _in_png(data: bytes, text: bytes) -> bytes:
    """Put a tEXt chunk behind IHDR, which is the first: 8 bytes of signature and 25 of IHDR."""
    chunk = b"tEXtSoftware\0" + text
    return data[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]


def _in_jpeg(data: bytes, text: bytes) -> bytes:
    """Put a segment APP1 behind JFIF's APP0, which has to be the first."""
    (kind, length) = struct.unpack_from(">HH", data, 2)
    start = 4 + length if kind == 0xFFE0 else 2
    body = b"Exif\0\0" + _exif(text)
    return data[:start] + struct.pack(">HH", 0xFFE1, 2 + len(body)) + body + data[start:]


def _in_webp(data: bytes, text: bytes) -> bytes:
    """Put a chunk EXIF at the end, and a VP8X that announces it at the beginning: RFC 9649, 2.7."""
    chunks, exif = data[12:], _exif(text)
    header = chunks[8:18] if chunks.startswith(b"VP8X") else _vp8x(chunks)
    rest = chunks[18:] if chunks.startswith(b"VP8X") else chunks
    announced = bytes([header[0] | _VP8X_EXIF]) + header[1:]
    body = b"WEBP" + _chunk(b"VP8X", announced) + rest + _chunk(b"EXIF", exif)
    return _chunk(b"RIFF", body)


def _vp8x(chunks: bytes) -> bytes:
    """Return flags and size of a plain file's one chunk, as a VP8X has them."""
    if chunks.startswith(b"VP8L"):
        bits = int.from_bytes(chunks[9:13], "little")  # after the signature byte: 14 bits each, less one; alpha
        width, height, flags = bits & 0x3FFF, bits >> 14 & 0x3FFF, _VP8X_ALPHA * (bits >> 28 & 1)
    else:
        # after the frame's tag and start code; the upper two bits of each are a scale
        width, height = (int(side) - 1 & 0x3FFF for side in struct.unpack_from("<HH", chunks, 14))
        flags = 0
    return struct.pack("<I", flags) + width.to_bytes(3, "little") + height.to_bytes(3, "little")


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _in_svg(data: bytes, text: bytes) -> bytes:
    return data + b"<!-- " + text + b" -->\n"


def _exif(text: bytes) -> bytes:
    """Return a TIFF header and one directory with the tag Software, whose text begins at byte 26."""
    entry = struct.pack("<HHII", _SOFTWARE, _ASCII, len(text) + 1, 26)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0) + text + b"\0"


_WAYS_IN: dict[str, Callable[[bytes, bytes], bytes]] = {
    "image/png": _in_png,
    "image/jpeg": _in_jpeg,
    "image/webp": _in_webp,
    "image/svg+xml": _in_svg,
}
