"""Pictures to measure a network with: photos of a folder, or seeded ones where there is none.

Photos are decoded, turned and resized by the worker's own functions, so that int8 is made and judged on the very
pixels that it will be served.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from handler.decode import Limits, decode
from handler.options import NATIVE_LONG_SIDE
from handler.preprocess import input_size, resize
from handler.sight import TRAINED_SIDE

_KINDS = (".jpg", ".jpeg", ".png", ".webp")
SAMPLE = Path(__file__).parents[2] / "docs" / "astronaut.jpg"


def photo_files(folder: Path) -> list[Path]:
    """Return the photos of a folder by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _KINDS)


def read_photo(path: Path, side: int = TRAINED_SIDE) -> Tensor:
    """Return what a worker shows the network of a photo: uint8 RGB (1, 3, H, W) of about `side` x `side`.

    Raises `RequestError` for what a worker would refuse.
    """
    photo = decode(path.read_bytes(), Limits(), NATIVE_LONG_SIDE)
    small = resize(photo, input_size(photo, side))
    # a copy: what Pillow decoded may not be written to, and torch warns of that
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)[None]


def sample_photos(side: int = TRAINED_SIDE) -> list[Tensor]:
    """Return the project's own portrait as it is, dark and low in contrast: uint8 RGB (1, 3, side, side) each."""
    photo = F.interpolate(read_photo(SAMPLE).float(), (side, side), mode="bilinear", antialias=True)
    return [
        (photo * gain + lift).round().clamp(0, 255).to(torch.uint8) for gain, lift in ((1, 0), (0.25, 0), (0.3, 100))
    ]


def seeded_photo(seed: int, height: int = TRAINED_SIDE, width: int = TRAINED_SIDE) -> Tensor:
    """Blotches of all sizes, as photos have them: uint8 RGB (1, 3, H, W); every third is dark."""
    generator = torch.Generator().manual_seed(seed)
    photo = torch.zeros(1, 3, height, width)
    # power falls with frequency, as in photographs
    for cells in (2, 4, 8, 16, 32, 64, 128):
        blotches = torch.rand(1, 3, cells, cells, generator=generator) - 0.5
        photo += F.interpolate(blotches, (height, width), mode="bicubic") / cells**0.6
    bright = 0.25 if seed % 3 == 2 else 1.0
    low, high = photo.amin(), photo.amax()
    return ((photo - low) / (high - low) * 255 * bright).round().to(torch.uint8)
