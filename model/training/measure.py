"""What the embedded weights are worth: against reference drawings, on backgrounds, on blank photos."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from handler.arrays import Gray
from model.training.backgrounds import PATTERNS, Image
from model.training.plates import Plate
from model.training.subjects import Mask

Artist = Callable[[Image], Gray]
Score = Callable[[Gray, Gray], dict[str, float]]

FAR = 20  # pixels from the person at which the background counts as far
INK = 128  # a darker pixel is ink
MARK = 200  # a darker one can be seen


def load_score(tool: Path) -> Score:
    """`score(reference, candidate)` of the scoring tool that comes with the reference drawings."""
    spec = importlib.util.spec_from_file_location("drawing_score", tool)
    if spec is None or spec.loader is None:
        raise ValueError(f"{tool}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    score: Score = module.score
    return score


def score_pairs(pairs: Path, artist: Artist, score: Score) -> Iterator[tuple[str, dict[str, float], Gray]]:
    """For each `NAME_photo.png` with a `NAME_drawing.png`: name, figures, what the artist drew."""
    for path in sorted(pairs.glob("*_photo.png")):
        name = path.stem.removesuffix("_photo")
        reference = cv2.imread(str(path.with_name(f"{name}_drawing.png")), cv2.IMREAD_GRAYSCALE)
        photo = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if reference is None or photo is None:
            raise ValueError(f"{path}: the photo or its drawing cannot be read")
        drawing = artist(photo.astype(np.uint8))
        yield name, score(reference.astype(np.uint8), drawing), drawing


def background_ink(drawing: Gray, plate: Plate, darkest: int = INK) -> float:
    """Return the share of the far background that is darker than `darkest`, in [0, 1]; NaN where nothing is far."""
    person = (plate.mask >= INK).astype(np.uint8)
    far = cv2.distanceTransform(1 - person, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > FAR
    return float((drawing[far] < darkest).mean()) if far.any() else float("nan")


def coverage(mask: Mask, plate: Plate) -> float:
    """Return how much of the person's own area a mask, float32 (H, W) in [0, 1], covers."""
    return float(mask[plate.mask >= INK].mean())


def blank_photos(side: int = 512, seed: int = 0) -> Mapping[str, Image]:
    """Photos with nobody on them: plain, and one of each pattern; RGB uint8 (side, side, 3)."""
    rng = np.random.default_rng(seed)
    plain = {f"gray {v}": np.full((side, side, 3), v, np.uint8) for v in (0, 64, 128, 192, 255)}
    return plain | {kind.__name__: kind(rng, (side, side)) for kind in PATTERNS}
