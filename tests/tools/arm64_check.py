"""Draw a photo with an unpacked archive, whose folder is on `PYTHONPATH`: scripts/test_arm64.sh runs this twice.

On x86-64 the line map is written; on arm64 one of each precision is held against that.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from handler.arrays import LineMap, Photo
from handler.inference import forms_in, load
from handler.precision import offered

_SIDE = 128  # emulated, an area of this size takes some seconds
# dB against fp32 on x86-64, by what a precision's name begins with; integers as in model.quantization.ranges.GATE
_LEAST_PSNR = {"fp32": 80.0, "bf16": 40.0, "int8": 34.0}


def main(argv: Sequence[str] | None = None) -> int:
    """Status 1 when a line map is too far from the reference."""
    parser = argparse.ArgumentParser(description="Draw with an unpacked archive here, and compare.")
    parser.add_argument("archive", type=Path, help="its folder")
    parser.add_argument("photo", type=Path)
    parser.add_argument("reference", type=Path, help=".npy of the line map in fp32")
    parser.add_argument("--write", action="store_true", help="make the reference")
    options = parser.parse_args(argv)
    photo = _read(options.photo)
    if options.write:
        np.save(options.reference, _draw(options.archive, photo, "fp32"))
        return 0
    reference = np.load(options.reference)
    precisions = offered("cpu", forms_in(options.archive))
    near = [_is_near(options.archive, photo, precision, reference) for precision in precisions]
    return 0 if all(near) else 1


def _read(path: Path) -> Photo:
    """uint8 RGB (_SIDE, _SIDE, 3)."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX))


def _draw(archive: Path, photo: Photo, precision: str) -> LineMap:
    return load(archive, "cpu", precision).draw_lines([photo])[0]


def _is_near(archive: Path, photo: Photo, precision: str, reference: LineMap) -> bool:
    """Draw, and print how near the line map came."""
    started = time.monotonic()
    lines = _draw(archive, photo, precision)
    psnr = float(-10 * torch.log10(torch.from_numpy(lines - reference).square().mean()))
    least = _LEAST_PSNR[precision.partition("-")[0]]
    near = psnr >= least
    verdict = "good" if near else "TOO FAR"
    print(f"{precision}: PSNR {psnr:.1f} dB, at least {least:.0f} wanted: {verdict}", end="; ")
    print(f"loaded and drawn in {time.monotonic() - started:.0f} s", flush=True)
    return near


if __name__ == "__main__":
    sys.exit(main())
