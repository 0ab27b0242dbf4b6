"""Mutated photos through `decode`: `python -m tests.tools.fuzz_decode --count 20000`.

Whatever is done to a photo of any format, it is drawn or refused: nothing else escapes, and memory does not grow.
Prints what was done as JSON.
"""

import argparse
import collections
import datetime
import json
import resource
import struct
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psutil

from handler.decode import Limits, decode
from handler.errors import RequestError
from handler.profiles import PRIMARIES, make_profile, srgb_curve
from tests.tools.heif_files import PICTURE, colour_profile, heic
from tests.tools.hostile import encoded, picture, png_chunk

# Small, so that what a mutation enlarges is refused, and what is drawn is drawn soon.
LIMITS = Limits(megapixels=1, jpeg_megapixels=4)
# EXIF that says no more than: turn it by 90 degrees (tag 0x0112, orientation, is 6).
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
# The first of these are caches that fill: growth is counted from there.
WARM_UP = 0.1


def seeds() -> dict[str, bytes]:
    """Whole files of each format, most with colours declared."""
    profile = make_profile(PRIMARIES[12], srgb_curve)
    gamma = png_chunk(b"gAMA", struct.pack(">I", 70_000))
    chroma = png_chunk(b"cHRM", struct.pack(">8I", *(round(number * 1e5) for number in PRIMARIES[9])))
    png = encoded(picture(), "PNG")
    return {
        "heic": PICTURE.read_bytes(),
        "heic of tiles": heic(2, 2, properties=(colour_profile(profile),)),
        "avif": encoded(picture(mode="RGBA"), "AVIF", icc_profile=profile),
        "jpeg": encoded(picture(), "JPEG", icc_profile=profile),
        "progressive jpeg": encoded(picture(), "JPEG", progressive=True, exif=TURNED),
        "cmyk jpeg": encoded(picture(mode="CMYK"), "JPEG", icc_profile=_cmyk(profile)),
        "png": encoded(picture(), "PNG", icc_profile=profile),
        "png of numbers": png[:33] + gamma + chroma + png[33:],
        "webp": encoded(picture(), "WEBP", icc_profile=profile),
        "gif of two": encoded(picture(), "GIF", save_all=True, append_images=[picture(mode="L")]),
    }


def _cmyk(profile: bytes) -> bytes:
    return profile[:16] + b"CMYK" + profile[20:]


def mutate(data: bytes, random: np.random.Generator) -> bytes:
    """Change a few places of `data`: bytes, numbers, cuts, and blocks taken twice or left out."""
    changed = bytearray(data)
    for _ in range(random.integers(1, 6)):
        _MUTATIONS[random.integers(len(_MUTATIONS))](changed, random)
    # half of the PNGs get right checksums, or nothing behind them would ever be reached
    return _with_checksums(bytes(changed)) if random.random() < 0.5 else bytes(changed)


def _place(data: bytearray, random: np.random.Generator) -> int:
    """More often than not in the first kilobyte, where the boxes, chunks and profiles are."""
    return int(random.integers(max(1, min(len(data), 1024) if random.random() < 0.7 else len(data))))


def _flip(data: bytearray, random: np.random.Generator) -> None:
    at = _place(data, random)
    data[at : at + 1] = bytes((int(random.integers(256)),))


def _number(data: bytearray, random: np.random.Generator) -> None:
    number = int(random.choice([0, 1, 0x7F, 0xFF, 0x100, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
    at = _place(data, random)
    data[at : at + 4] = struct.pack(">I", number)


def _cut(data: bytearray, random: np.random.Generator) -> None:
    del data[-int(random.integers(1, 64)) :]


def _remove(data: bytearray, random: np.random.Generator) -> None:
    at = _place(data, random)
    del data[at : at + int(random.integers(1, 32))]


def _repeat(data: bytearray, random: np.random.Generator) -> None:
    at = _place(data, random)
    data[at:at] = data[at : at + int(random.integers(1, 64))] * int(random.integers(1, 4))


_MUTATIONS: tuple[Callable[[bytearray, np.random.Generator], None], ...] = (
    _flip,
    _flip,
    _number,
    _cut,
    _remove,
    _repeat,
)


def _with_checksums(data: bytes) -> bytes:
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        parts += [data[at:end], struct.pack(">I", zlib.crc32(data[at + 4 : end]))]
        at = end + 4
    return b"".join(parts) + data[at:]


def fuzz(count: int, seed: int = 0) -> dict[str, Any]:
    """Draw or refuse `count` mutated files -> what came of them. Anything but `RequestError` escapes."""
    random, files = np.random.default_rng(seed), list(seeds().items())
    outcomes: collections.Counter[str] = collections.Counter()
    slowest, warm, began = 0.0, 0, time.perf_counter()
    for i in range(count):
        if i == int(count * WARM_UP):
            warm = psutil.Process().memory_info().rss
        name, data = files[i % len(files)]
        start = time.process_time()
        outcomes[f"{name}: {_outcome(mutate(data, random))}"] += 1
        slowest = max(slowest, time.process_time() - start)
    return {
        "date": datetime.date.today().isoformat(),
        "count": count,
        "seed": seed,
        "outcomes": dict(sorted(outcomes.items())),
        "escaped": 0,
        "slowest_cpu_seconds": round(slowest, 3),
        "grown_megabytes": round((psutil.Process().memory_info().rss - warm) / 1e6, 1),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
        "seconds": round(time.perf_counter() - began),
    }


def _outcome(data: bytes) -> str:
    try:
        photo = decode(data, LIMITS)
    except RequestError as error:
        return f"{int(error.status)}"
    return "drawn" if photo.dtype == np.uint8 and photo.ndim == 3 else "wrong"


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz as long as is asked for, and print the record."""
    parser = argparse.ArgumentParser(description="Draw or refuse mutated photos, and record what came of them.")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    print(json.dumps(fuzz(options.count, options.seed), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
