"""At what size the network sees a photo, which decides most of what its lines are like.

The smaller, the bolder and calmer, and the sooner done; the larger, the finer, until a face falls to pieces. What
counts is how many pixels wide a face is then, and how large a person where no face is seen. What is best belongs to the
weights, and travels with them.
"""

import math
from dataclasses import dataclass

LINES = {"bold": 0.75, "normal": 1.0, "fine": 4 / 3}
"""Hand -> how many times as large as usual the network sees the photo."""

# Where neither photo nor picture has more pixels than the least that `size` takes, there is no more to be seen.
TINY, TINY_SIDE = 64, 64
TRAINED_SIDE = 512  # of the published weights' photos, all of them squares
LEAST_SIDE, MOST_SIDE = 320, 640  # bounds for the face's sake: beyond them hair and cloth pay for it

Shape = tuple[int, ...]  # height, width and whatever follows


@dataclass(frozen=True)
class Sight:
    """What weights see best. Sides are of the square whose area the network's input has."""

    side: int = TRAINED_SIDE  # of a person whose face is not seen, and of a photo of nobody
    face: int = 0  # how many pixels wide a face should be; 0: neither face nor person matter
    most: int = 640  # the largest side, whatever is asked for


def seen_side(sight: Sight, line: str, seen: Shape, face_width: float | None, person: Shape | None) -> float:
    """Return the side for what the network sees, (H, W, ...), by the width of the largest face, in its pixels.

    Where there is no face, by the box around the person; where there is neither, it is the weights' own.
    """
    side = float(sight.side)
    if sight.face and face_width:
        side = _between(sight.face * _side_of(seen) / face_width)
    elif sight.face and person:
        side = _between(sight.side * _side_of(seen) / _side_of(person))
    return min(side * LINES[line], sight.most)


def side_of_use(*shapes: Shape) -> float:
    """Return the largest side that shows more of a photo and its picture, of `shapes` (H, W, ...).

    Without bounds but for a thumbnail drawn as a thumbnail, as a health check has it: 64, a sixtieth of the work.
    """
    return TINY_SIDE if max(max(shape[:2]) for shape in shapes) <= TINY else math.inf


def _side_of(shape: Shape) -> float:
    """Return the side of the square that is as large."""
    return math.sqrt(shape[0] * shape[1])


def _between(side: float) -> float:
    return min(max(side, LEAST_SIDE), MOST_SIDE)
