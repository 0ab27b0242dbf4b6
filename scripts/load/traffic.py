"""What is sent: photos of several sizes, photos built to hurt, and clients that leave."""

import random
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2

from scripts.serving.paths import SAMPLE

# Pixels: an old portrait, one from the web, a phone's as it is drawn and as it is taken.
SIDES = (512, 1024, 2048, 3464)
STYLES = ("draw", "sketch", "composite")
LEAVES_SECONDS = (0.05, 1.0)  # after which a client leaves, at least and at most


class Call(NamedTuple):
    """One request, and how long its client waits."""

    kind: str  # good, hostile or leaving
    body: bytes
    style: str = "draw"
    leaves: float | None = None  # seconds; None: when it has its answer


class Shares(NamedTuple):
    """Parts of all requests, in [0, 1]."""

    hostile: float = 0.0
    leaving: float = 0.0


def photos() -> list[bytes]:
    """Return the sample photo as JPEG in each of `SIDES`."""
    sample = cv2.imread(str(SAMPLE))
    return [cv2.imencode(".jpg", cv2.resize(sample, (side, side)))[1].tobytes() for side in SIDES]


def hostile(folder: Path | None = None) -> list[bytes]:
    """Return photos that must be refused or cost little: the files of `folder`, or some of each kind."""
    if folder:
        return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
    photo = photos()[1]
    noise = random.Random(0).randbytes(100_000)
    return [b"", b"no photo", noise, photo[: len(photo) // 2], photo[:200] + noise, _png_of_gigapixels()]


def _png_of_gigapixels() -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def traffic(good: Sequence[bytes], bad: Sequence[bytes], shares: Shares, seed: int) -> Iterator[Call]:
    """Yield requests without end, the same for the same seed."""
    random_ = random.Random(seed)
    while True:
        drawn = random_.random()
        if drawn < shares.hostile:
            yield Call("hostile", random_.choice(bad))
        elif drawn < shares.hostile + shares.leaving:
            yield Call("leaving", random_.choice(good), random_.choice(STYLES), random_.uniform(*LEAVES_SECONDS))
        else:
            yield Call("good", random_.choice(good), random_.choice(STYLES))
