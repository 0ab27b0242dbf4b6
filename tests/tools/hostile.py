"""Photos that are odd, broken or built to hurt, generated from fixed seeds.

`GOOD` must be drawn, `BAD` refused with 400, `HUGE` refused with 413.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from tests.tools.heif_files import PICTURE, heic

Maker = Callable[[], bytes]


def picture(width: int = 96, height: int = 72, mode: str = "RGB") -> Image.Image:
    """Smooth colours and an ellipse, the same every time."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    inside = (x / width - 0.5) ** 2 + (y / height - 0.5) ** 2 < 0.09
    red, green = 255 * x / width, 255 * y / height
    pixels = np.dstack([red, green, np.where(inside, 40, 200)])
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(**options: Any) -> bytes:
    return encoded(picture(), "JPEG", quality=90, **options)


def png_chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(
    width: int = 4,
    height: int = 4,
    depth: int = 8,
    colour: int = 0,
    before: bytes = b"",
    idat: bytes | None = None,
    header_crc: int | None = None,
    idat_crc: int | None = None,
) -> bytes:
    """Return a PNG put together chunk by chunk, so that any of them can be wrong."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    rows = zlib.compress(b"\0" * ((width * depth + 7) // 8 + 1) * min(height, 4))
    chunks = [
        png_chunk(b"IHDR", header, header_crc),
        before,
        png_chunk(b"IDAT", rows if idat is None else idat, idat_crc),
        png_chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _random() -> bytes:
    return np.random.default_rng(7).bytes(5000)


def _zip(name: str = "photo.jpg") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "no photo")
    return buffer.getvalue()


def _cut(whole: bytes, share: float) -> bytes:
    return whole[: int(len(whole) * share)]


def _without_segment(data: bytes, marker: int) -> bytes:
    """Return a JPEG less the first segment of that marker."""
    start = data.index(bytes((0xFF, marker)))
    return data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4], "big") :]


def _bad_huffman_table() -> bytes:
    data = bytearray(jpeg())
    start = data.index(b"\xff\xc4") + 5
    data[start : start + 16] = b"\xff" * 16
    return bytes(data)


def _jpeg_of_size(width: int, height: int, **options: Any) -> bytes:
    data = bytearray(jpeg(**options))
    frame = data.index(b"\xff\xc2" if options else b"\xff\xc0") + 5
    data[frame : frame + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _repeated_scan(data: bytes, times: int) -> bytes:
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * times + b"\xff\xd9"


def gray_scans(megapixels: float, scans: int) -> bytes:
    """Return a JPEG of the gray that decoders fill gaps with, which has to be looked at thrice."""
    side = round(1000 * megapixels**0.5)
    gray = encoded(Image.new("RGB", (side, side), (128, 128, 128)), "JPEG", progressive=True, quality=50)
    return _repeated_scan(gray, scans - 9)


def _gif(width: int, height: int, frame: tuple[int, int], lzw: bytes) -> bytes:
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    descriptor = b"," + struct.pack("<HHHHB", 0, 0, *frame, 0)
    return b"GIF89a" + screen + descriptor + b"\x02" + bytes([len(lzw)]) + lzw + b"\0;"


def _animation(kind: str, frames: int = 300) -> bytes:
    stills = [picture(16 + 0 * i, 16).point(lambda v, i=i: (v + i) % 256) for i in range(frames)]
    return encoded(stills[0], kind, save_all=True, append_images=stills[1:])


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _exif_jpeg(entries: bytes) -> bytes:
    """Return a JPEG whose EXIF block holds these bytes as its first directory."""
    block = b"Exif\0\0II*\0\x08\0\0\0" + entries
    segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    return jpeg()[:2] + segment + jpeg()[2:]


def _exif_loop() -> bytes:
    """Directory at 8 that names itself as its EXIF sub-directory and as the next directory."""
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    return _exif_jpeg(struct.pack("<H", 1) + entry + struct.pack("<I", 8))


def _exif_text_orientation() -> bytes:
    return _exif_jpeg(struct.pack("<HHHI4sI", 1, 0x0112, 2, 4, b"top\0", 0))


def _sixteen_bits() -> bytes:
    levels = np.linspace(0, 65535, 96 * 72, dtype=np.uint16).reshape(72, 96)
    return encoded(Image.fromarray(levels), "PNG")


def _palette_with_transparency() -> bytes:
    return encoded(picture().quantize(16), "PNG", transparency=3)


def _text_bomb(kind: bytes, head: bytes) -> bytes:
    return png(before=png_chunk(kind, head + zlib.compress(b"\0" * 30_000_000)))


def _solid(level: int) -> Maker:
    return lambda: encoded(Image.new("RGB", (64, 64), (level,) * 3), "PNG")


GOOD: dict[str, Maker] = {
    "jpeg": jpeg,
    "png": lambda: encoded(picture(), "PNG"),
    "webp": lambda: encoded(picture(), "WEBP"),
    "gif": lambda: encoded(picture(), "GIF"),
    "avif": lambda: encoded(picture(), "AVIF"),
    "heic": PICTURE.read_bytes,
    "heic of tiles": lambda: heic(3, 2),
    "jpeg without its end": lambda: jpeg()[:-2],
    "jpeg with half of its end": lambda: jpeg()[:-1],
    "progressive jpeg without its end": lambda: jpeg(progressive=True)[:-2],
    "png without its end": lambda: encoded(picture(), "PNG")[:-12],
    "gif without its end": lambda: encoded(picture(), "GIF")[:-1],
    "gray jpeg": lambda: encoded(picture(mode="L"), "JPEG"),
    "cmyk jpeg": lambda: encoded(picture(mode="CMYK"), "JPEG"),
    "cmyk jpeg without adobe's marker": lambda: _without_segment(encoded(picture(mode="CMYK"), "JPEG"), 0xEE),
    "progressive jpeg": lambda: jpeg(progressive=True),
    "progressive jpeg of 5 megapixels of gray": lambda: gray_scans(5, 10),
    "1-bit png": lambda: encoded(picture(mode="1"), "PNG"),
    "16-bit png": _sixteen_bits,
    "gray and alpha": lambda: encoded(picture(mode="LA"), "PNG"),
    "alpha": lambda: encoded(picture(mode="RGBA"), "PNG"),
    "palette with transparency": _palette_with_transparency,
    "icc profile that is none": lambda: encoded(picture(), "JPEG", icc_profile=b"no profile"),
    "black": _solid(0),
    "gray": _solid(128),
    "white": _solid(255),
    "1x1": lambda: encoded(Image.new("RGB", (1, 1), "red"), "PNG"),
    "1x20000": lambda: encoded(Image.new("RGB", (1, 20000), "red"), "PNG"),
    "20000x1": lambda: encoded(Image.new("RGB", (20000, 1), "red"), "PNG"),
    "garbage after a jpeg": lambda: jpeg() + _random(),
    "garbage after a png": lambda: encoded(picture(), "PNG") + _random(),
    "jpeg that is also a zip": lambda: jpeg() + _zip(),
    "jpeg that is also html": lambda: jpeg(comment=b"<html><script>alert(1)</script></html>"),
    "animated gif": lambda: _animation("GIF"),
    "animated webp": lambda: _animation("WEBP", 20),
    "animated png": lambda: _animation("PNG"),
    "mpo": lambda: _animation("MPO", 3),
    "exif directory in a loop": _exif_loop,
    "exif orientation that is text": _exif_text_orientation,
    "exif orientation 0": lambda: jpeg(exif=_exif(0)),
    "exif orientation 9": lambda: jpeg(exif=_exif(9)),
}

BAD: dict[str, Maker] = {
    "one byte": lambda: b"x",
    "random bytes": _random,
    "html": lambda: b"<!doctype html><img src=photo.jpg>",
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
    "svg with an entity": lambda: b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;',
    "zip": _zip,
    "pdf": lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "eps": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "mp4": lambda: b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(64),
    "heic magic only": lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64),
    "avif cut": lambda: _cut(encoded(picture(), "AVIF"), 0.9),
    "heic cut": lambda: _cut(heic(), 0.9),
    "heic of 2500 tiles": lambda: heic(50, 50),
    "heic whose tiles are far more than itself": lambda: heic(20, 20, size=(64, 64)),
    "heic whose tile is larger than stated": lambda: heic(tile_size=(16, 16), size=(16, 16)),
    "baseline jpeg cut at 50 % that ends": lambda: _cut(jpeg(), 0.5) + b"\xff\xd9",
    "progressive jpeg of 200 megapixels": lambda: _jpeg_of_size(16_000, 12_500, progressive=True),
    "jpeg of 98 scans over 49 megapixels": lambda: _repeated_scan(_jpeg_of_size(7000, 7000, progressive=True), 89),
    "jpeg of 98 scans over 8 megapixels of gray": lambda: gray_scans(8, 98),
    "tiff": lambda: encoded(picture(), "TIFF"),
    "bmp": lambda: encoded(picture(), "BMP"),
    "ico": lambda: encoded(picture(), "ICO"),
    "psd": lambda: b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3) + bytes(64),
    "jpeg 2000": lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64),
    "pickle": lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "jpeg magic only": lambda: b"\xff\xd8\xff",
    "png magic only": lambda: b"\x89PNG\r\n\x1a\n",
    "gif magic only": lambda: b"GIF89a",
    "webp magic only": lambda: b"RIFF\x04\0\0\0WEBP",
    "jpeg cut at 10 %": lambda: _cut(jpeg(), 0.1),
    "jpeg cut at 50 %": lambda: _cut(jpeg(), 0.5),
    "jpeg cut at 99 %": lambda: _cut(jpeg(), 0.99),
    "progressive jpeg cut at 50 %": lambda: _cut(jpeg(progressive=True), 0.5),
    "png cut inside its pixels": lambda: _cut(encoded(picture(), "PNG"), 0.6),
    "webp cut": lambda: _cut(encoded(picture(), "WEBP"), 0.6),
    "gif cut": lambda: _cut(encoded(picture(), "GIF"), 0.6),
    "png with a wrong header checksum": lambda: png(header_crc=1),
    "png with a wrong pixel checksum": lambda: png(idat_crc=1),
    "png without a header": lambda: b"\x89PNG\r\n\x1a\n" + png_chunk(b"IDAT", zlib.compress(b"\0")),
    "png whose stream is no zlib": lambda: png(idat=b"\x78\x9c" + b"\xff" * 20),
    "png whose stream ends early": lambda: png(idat=zlib.compress(b"\0" * 20)[:-6]),
    "png of no width": lambda: png(width=0),
    "png of no height": lambda: png(height=0),
    "jpeg without a frame": lambda: _without_segment(jpeg(), 0xC0),
    "jpeg without a scan": lambda: jpeg()[: jpeg().index(b"\xff\xda")] + b"\xff\xd9",
    "jpeg with a bad huffman table": _bad_huffman_table,
    "jpeg of no width": lambda: _jpeg_of_size(0, 72),
    "gif with bad lzw": lambda: _gif(8, 8, (8, 8), b"\xff" * 20),
    "webp of a wrong length": lambda: (
        encoded(picture(), "WEBP")[:4] + b"\xff\xff\xff\x7f" + encoded(picture(), "WEBP")[8:]
    ),
    "jpeg of more than 100 scans": lambda: _repeated_scan(jpeg(progressive=True), 200),
    "png of 100,000 notes": lambda: png(before=png_chunk(b"tEXt", b"a\0b") * 100_000),
    "jpeg of a million comments": lambda: jpeg()[:2] + b"\xff\xfe\0\2" * 1_000_000 + jpeg()[2:],
}

HUGE: dict[str, Maker] = {
    "png of 50000 x 50000": lambda: png(50_000, 50_000),
    "1-bit png of 16384 x 16384": lambda: png(16_384, 16_384, depth=1),
    "heic of 20000 x 20000": lambda: heic(size=(20_000, 20_000)),
    "jpeg of 65500 x 65500": lambda: _jpeg_of_size(65_500, 65_500),
    "gif of 65535 x 65535": lambda: _gif(65_535, 65_535, (1, 1), b"\x44\x01"),
    "gif with a frame larger than itself": lambda: _gif(1, 1, (60_000, 60_000), b"\x44\x01"),
    "more than 20 MB": lambda: jpeg() + bytes(20_000_000),
}

# refused or drawn, but never a fault: Pillow leaves out what is too long to unpack
EITHER: dict[str, Maker] = {
    "zTXt bomb": lambda: _text_bomb(b"zTXt", b"a\0\0"),
    "iTXt bomb": lambda: _text_bomb(b"iTXt", b"a\0\1\0\0\0"),
    "iCCP bomb": lambda: _text_bomb(b"iCCP", b"a\0\0"),
}
