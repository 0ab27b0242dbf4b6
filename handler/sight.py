"""At what size the network sees a photo, which decides most of what its lines are like.

The smaller, the bolder and calmer, and the sooner done; the larger, the finer, until a face falls to pieces. What
counts is how many pixels wide a face is then. What is best belongs to the weights, and travels with them.
"""

import math
from dataclasses import dataclass

LINES = {"bold": 0.75, "normal": 1.0, "fine": 4 / 3}
"""Hand -> how many times as large as usual the network sees the photo."""

# Where neither photo nor picture has more pixels than the least that `size` takes, there is no more to be seen.
TINY, TINY_SIDE = 64, 64

LEAST_SIDE, MOST_SIDE = 320, 640  # bounds for the face's sake: beyond them hair and cloth pay for it


@dataclass(frozen=True)
class Sight:
    """What weights see best. Sides are of the square whose area the network's input has."""

    side: int = 512  # of a photo without a face
    face: int = 0  # how many pixels wide a face should be; 0: it does not matter
    most: int = 640  # the largest side, whatever is asked for


def seen_side(sight: Sight, line: str, shape: tuple[int, ...], face_width: float | None) -> float:
    """Return the side for a photo of `shape` (H, W, ...) whose largest face, if any, is so many of its pixels wide."""
    side = float(sight.side)
    if sight.face and face_width:
        fitting = sight.face * math.sqrt(shape[0] * shape[1]) / face_width
        side = min(max(fitting, LEAST_SIDE), MOST_SIDE)
    return min(side * LINES[line], sight.most)


def side_of_use(*shapes: tuple[int, ...]) -> float:
    """Return the largest side that shows more of a photo and its picture, of `shapes` (H, W, ...).

    Without bounds but for a thumbnail drawn as a thumbnail, as a health check has it: 64, a sixtieth of the work.
    """
    return TINY_SIDE if max(max(shape[:2]) for shape in shapes) <= TINY else math.inf
