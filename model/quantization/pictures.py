"""Pictures to measure a network with: photos of a folder, or seeded ones where there is none."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

_KINDS = (".jpg", ".jpeg", ".png", ".webp")
SAMPLE = Path(__file__).parents[2] / "docs" / "astronaut.jpg"
_SIDE, _STEP, _MOST_ASPECT = 512, 32, 4.0


def photo_files(folder: Path) -> list[Path]:
    """The photos of a folder by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _KINDS)


def read_photo(path: Path, side: int | None = None) -> Tensor:
    """Photo -> network input as a worker frames it: uint8 RGB (1, 3, H, W) of about 512 x 512, or `side` squared."""
    with Image.open(path) as image:
        photo = ImageOps.exif_transpose(image).convert("RGB")
    aspect = min(max(photo.width / photo.height, 1 / _MOST_ASPECT), _MOST_ASPECT)
    size = [max(1, round((side or _SIDE) * share / _STEP)) * _STEP for share in (aspect**0.5, aspect**-0.5)]
    small = photo.resize((size[0], size[1]), Image.Resampling.BOX)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)[None]


def sample_photos(side: int = _SIDE) -> list[Tensor]:
    """The project's own portrait as it is, dark and low in contrast: uint8 RGB (1, 3, side, side) each."""
    photo = F.interpolate(read_photo(SAMPLE).float(), (side, side), mode="bilinear", antialias=True)
    return [
        (photo * gain + lift).round().clamp(0, 255).to(torch.uint8) for gain, lift in ((1, 0), (0.25, 0), (0.3, 100))
    ]


def seeded_photo(seed: int, height: int = _SIDE, width: int = _SIDE) -> Tensor:
    """Blotches of all sizes, as photos have them: uint8 RGB (1, 3, H, W); every third is dark."""
    generator = torch.Generator().manual_seed(seed)
    photo = torch.zeros(1, 3, height, width)
    for cells in (2, 4, 8, 16, 32, 64, 128):
        blotches = torch.rand(1, 3, cells, cells, generator=generator) - 0.5
        photo += F.interpolate(blotches, (height, width), mode="bicubic") / cells**0.6
    bright = 0.25 if seed % 3 == 2 else 1.0
    low, high = photo.amin(), photo.amax()
    return ((photo - low) / (high - low) * 255 * bright).round().to(torch.uint8)
