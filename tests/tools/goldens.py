"""The golden pictures: what they are made of, and how like two pictures are."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from handler.arrays import Picture
from handler.options import Options
from handler.postprocess import render
from tests.tools import sitter

FOLDER = Path(__file__).parents[1] / "data" / "golden"
MOST_LEVELS = 1.0  # of mean difference: other processors round otherwise
LEAST_SIMILARITY = 0.995


class Golden(NamedTuple):
    """A picture of the seeded sitter."""

    options: Options
    photo_side: int = 192
    lines_side: int = 128
    skin: tuple[int, int, int] = sitter.SKIN

    def picture(self) -> Picture:
        """As today's code renders it."""
        photo = sitter.photo(self.photo_side, self.skin)
        return render(photo, sitter.lines(self.lines_side), self.options)


GOLDENS: dict[str, Golden] = {
    "draw": Golden(Options()),
    "draw_as_the_network": Golden(Options(), photo_side=128),
    "draw_smaller": Golden(Options(), photo_side=96),
    "draw_transparent": Golden(Options(background=None)),
    "draw_on_pink": Golden(Options(background=(250, 190, 200))),
    "sketch": Golden(Options(style="sketch")),
    "sketch_dark_skin": Golden(Options(style="sketch"), skin=(95, 65, 50)),
    "composite": Golden(Options(style="composite")),
    "composite_on_yellow": Golden(Options(style="composite", alpha=0.3, sigma=3, background=(250, 230, 120))),
}


def stored(name: str, folder: Path = FOLDER) -> Picture | None:
    """Return the golden picture of that name, or None before its first renewal."""
    picture = cv2.imread(str(folder / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim == 2:
        return picture
    return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def difference(first: Picture, second: Picture) -> tuple[float, float]:
    """Mean difference in levels, and structural similarity (Wang et al., 2004), of pictures of one shape."""
    channels = first.ndim - 1 if first.ndim == 3 else None
    similarity = structural_similarity(first, second, data_range=255, channel_axis=channels)
    return float(np.abs(first.astype(int) - second).mean()), float(similarity)
