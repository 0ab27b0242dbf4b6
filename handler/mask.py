"""A line drawing of a person -> the solid area that the person covers.

The portrait network draws lines, so its map is no mask: cheeks and foreheads are as blank as the wall behind. What
separates them is that the wall can be reached from the frame of the picture. Balls as wide as the gaps that a drawing
leaves in an outline fall in from the top and the sides; where none can come, there is the subject. They never climb and
roll only so far under an overhang, for below a head there is a body, even where a faint chin was not drawn.
"""

from itertools import pairwise

import cv2
import numpy as np

from handler.arrays import LineMap, Mask, Region

WORK_SIZE = 256  # the outline is soft, so more pixels would only cost time; lengths below are in pixels at this size
INK = 0.85
FAINT_INK = 0.03  # of darkness more than the paper around: hair that a soft network barely drew,
FAINT_WIDTH = 15
SURE_INK = 0.7  # and that counts where it hangs together with ink as dark as this
SPECK_GAP = 3
SPECK_SHARE = 0.03
BALL = 13
OVERHANG = 28
WHISKER = 3
SHRINK = 1.0  # the ink's threshold lies a little outside of the drawn outline
SOFTNESS = 1.0


def subject_mask(lines: LineMap) -> Mask:
    """float32 (H, W) line map, 0 ink and 1 paper -> float32 (H, W), 1 subject and 0 background, with a soft edge.

    Where the frame cuts the subject off, the frame is its outline. A map without ink has no subject: all zeros.
    """
    height, width = lines.shape
    ink = _without_specks(_ink(lines))
    if not ink.any():
        return np.zeros((height, width), np.float32)
    solid = _without_whiskers(_unreachable(ink)).astype(np.float32)
    soft = cv2.GaussianBlur(solid, (0, 0), SOFTNESS)
    return np.clip(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)


def _ink(lines: LineMap) -> Region:
    """Return the line map's ink as 0 and 1, at the working size."""
    height, width = lines.shape
    scale = WORK_SIZE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(lines, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    darker = cv2.morphologyEx(small, cv2.MORPH_BLACKHAT, _disc(FAINT_WIDTH // 2))
    strokes = cv2.connectedComponents(((small < INK) | (darker > FAINT_INK)).astype(np.uint8))[1]
    sure = np.zeros(strokes.max() + 1, np.uint8)
    sure[strokes[small < SURE_INK]] = 1
    return sure[strokes]


def _without_specks(ink: Region) -> Region:
    """Drop groups of lines that stand apart and hold little ink beside the largest group's."""
    groups = cv2.connectedComponents(cv2.dilate(ink, _disc(SPECK_GAP)))[1]
    amounts = np.bincount(groups.ravel(), weights=ink.ravel())
    return ink * (amounts >= SPECK_SHARE * amounts.max())[groups].astype(np.uint8)


def _unreachable(ink: Region) -> Region:
    """1 where no ball that falls in from the top or the sides covers the paper."""
    margin = BALL + 2
    room = (cv2.distanceTransform(1 - _walled(ink, margin), cv2.DIST_L2, 5) > BALL).astype(np.uint8)
    room[0] = room[:, [0, -1]] = 1  # around the picture there is nothing
    open_sky = np.minimum.accumulate(room, axis=0)
    near_sky = cv2.dilate(open_sky, np.ones((1, 2 * OVERHANG + 1), np.uint8))
    covered = cv2.distanceTransform(1 - _fallen(room & near_sky), cv2.DIST_L2, 5) <= BALL + SHRINK
    return (~covered[margin:-margin, margin:-margin]).astype(np.uint8)


def _fallen(room: Region) -> Region:
    """1 wherever something comes that enters at the top or a side and moves down or sideways through `room`."""
    starts = room.copy()
    starts[:, 1:] &= 1 - room[:, :-1]
    runs = np.cumsum(starts).reshape(room.shape) * room  # the stretches of each row, numbered; 0 is no room
    reached = np.zeros(int(runs.max()) + 1, bool)
    reached[runs[0]] = reached[runs[:, 0]] = reached[runs[:, -1]] = True
    reached[0] = False
    for above, row in pairwise(runs):
        reached[row[reached[above]]] = True
        reached[0] = False
    return reached[runs].astype(np.uint8)


def _walled(ink: Region, margin: int) -> Region:
    """Return the ink with a margin around, in which a wall stands wherever the frame cuts the subject off.

    A side's wall reaches from its highest ink down to the lowest ink of all: shoulders leave the picture, hair does not
    come back. The foot of the drawing is closed across, for the chest under it is paper as the wall is.
    """
    height, width = ink.shape
    foot = int(np.flatnonzero(ink.any(axis=1)).max())
    across = np.flatnonzero(ink[max(0, foot - BALL) : foot + 1].any(axis=0))
    top, left, right = (np.flatnonzero(edge.any(axis=axis)) for edge, axis in
                        ((ink[:2], 0), (ink[:, :2], 1), (ink[:, -2:], 1)))  # fmt: skip
    walled = cv2.copyMakeBorder(ink, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    inner = margin + foot + 1
    if top.size:
        walled[:margin, margin + top[0] : margin + top[-1] + 1] = 1
    if left.size:
        walled[margin + left[0] : inner, :margin] = 1
    if right.size:
        walled[margin + right[0] : inner, -margin:] = 1
    first = 0 if left.size else int(across[0])
    last = width - 1 if right.size else int(across[-1])
    below = walled.shape[0] if foot >= height - 2 else inner
    walled[inner - 1 : below, margin + first : margin + last + 1] = 1
    return walled


def _without_whiskers(solid: Region) -> Region:
    """Drop strokes that stick out of the subject: lines of the background that touch it."""
    framed = cv2.copyMakeBorder(solid, WHISKER, WHISKER, WHISKER, WHISKER, cv2.BORDER_REPLICATE)
    return cv2.morphologyEx(framed, cv2.MORPH_OPEN, _disc(WHISKER))[WHISKER:-WHISKER, WHISKER:-WHISKER]


def _disc(radius: int) -> Region:
    side = 2 * radius + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)
