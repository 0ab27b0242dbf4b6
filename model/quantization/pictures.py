"""Pictures to measure a network with: photos of a folder, or seeded ones where there is none.

Photos are decoded, sized and cut by the worker's own functions, so that int8 is made and judged on the very pixels that
it will be served.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from handler.decode import Limits
from handler.finders import NO_FINDERS, Finders
from handler.options import Options
from handler.preprocess import prepare
from handler.request import Request
from handler.sight import TRAINED_SIDE, Sight

_KINDS = (".jpg", ".jpeg", ".png", ".webp")
SAMPLE = Path(__file__).parents[2] / "docs" / "astronaut.jpg"


def photo_files(folder: Path) -> list[Path]:
    """Return the photos of a folder by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _KINDS)


def served_photos(path: Path, sight: Sight, finders: Finders = NO_FINDERS) -> Iterator[Tensor]:
    """Yield what a worker shows the network of a photo, with its scene and, where somebody is found, without.

    uint8 RGB (1, 3, H, W), as large as `sight` has it. Raises `RequestError` for what a worker would refuse.
    """
    data = path.read_bytes()
    for scene in ("keep", "remove"):
        job = prepare(Request(data, Options(scene=scene)), Limits(), finders, sight)
        if scene == "keep" or job.person is not None:
            # a copy: what Pillow decoded may not be written to, and torch warns of that
            yield torch.from_numpy(np.array(job.network_input)).permute(2, 0, 1)[None]


def read_photo(path: Path, side: int = TRAINED_SIDE) -> Tensor:
    """Return what a worker shows of a whole photo to a network that sees about `side` x `side`, as `served_photos`."""
    return next(served_photos(path, Sight(side)))


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
