"""Where the person is in a training photo: a soft mask, and the box of the face.

A folder of new photos needs nothing but the photos: GrabCut (Rother et al., SIGGRAPH 2004) starts from
OpenCV's Haar face box. Hints, checked by eye, take its place for photos that have them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Photo = NDArray[np.uint8]
Mask = NDArray[np.float32]
Box = tuple[int, int, int, int]  # x, y, width, height

HINTS = Path(__file__).with_name("hints.json")
HINT_SIDE = 1000  # hints count in thousandths of the photo's width and height


@dataclass(frozen=True)
class Hint:
    """What a person said about one photo, in thousandths of its width and height."""

    face: Box
    outline: tuple[tuple[tuple[int, int], ...], ...]  # polygons, filled by the even-odd rule


@dataclass(frozen=True)
class Subject:
    """Mask float32 (H, W) in [0, 1], 1 the person; face box in pixels of the photo."""

    mask: Mask
    face: Box


class NoFaceError(ValueError):
    """Neither a hint nor a face to start from."""


def read_hints(path: Path = HINTS) -> dict[str, Hint]:
    """File of hints -> hints by the photo's stem."""
    table: Mapping[str, Mapping[str, Sequence]] = json.loads(path.read_text())  # type: ignore[type-arg]
    return {name: _hint(entry["face"], entry["outline"]) for name, entry in table.items()}


def _hint(face: Sequence[int], outline: Sequence[Sequence[int]]) -> Hint:
    x, y, width, height = face
    polygons = tuple(tuple(zip(flat[::2], flat[1::2], strict=True)) for flat in outline)
    return Hint((x, y, width, height), polygons)


def find_subject(photo: Photo, hint: Hint | None) -> Subject:
    """RGB uint8 (H, W, 3) -> its subject. Raises NoFaceError without a hint or a face."""
    if hint is None:
        face = find_face(photo)
        return Subject(soften(photo, cut_out(photo, face)), face)
    height, width = photo.shape[:2]
    scale = np.array([width, height]) / HINT_SIDE
    polygons = [(np.array(p) * scale).round().astype(np.int32) for p in hint.outline]
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, polygons, 1)
    x, y, w, h = (round(v * s) for v, s in zip(hint.face, (*scale, *scale), strict=True))
    return Subject(soften(photo, mask), (x, y, w, h))


def find_face(photo: Photo) -> Box:
    """Return the largest face that the Haar cascade sees. Raises NoFaceError."""
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    least = min(photo.shape[:2]) // 8
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    faces = cascade.detectMultiScale(gray, 1.1, 6, minSize=(least, least))
    if len(faces) == 0:
        raise NoFaceError("no face found: give the photo a hint or leave it out")
    x, y, width, height = max(faces, key=lambda box: int(box[2]))
    return int(x), int(y), int(width), int(height)


def cut_out(photo: Photo, face: Box) -> NDArray[np.uint8]:
    """GrabCut from the face: head and shoulders probable, the border background -> uint8 (H, W), 0 or 1."""
    height, width = photo.shape[:2]
    x, y, w, h = face
    state = np.full((height, width), cv2.GC_BGD, np.uint8)
    top, left, right = max(2, y - h), max(2, x - 2 * w), min(width - 2, x + 3 * w)
    state[top:, left:right] = cv2.GC_PR_BGD
    state[max(2, y - h // 2) :, max(2, x - w // 4) : x + w + w // 4] = cv2.GC_PR_FGD
    state[y + 3 * h // 2 :, max(2, x - w) : min(width - 2, x + 2 * w)] = cv2.GC_PR_FGD
    cv2.ellipse(state, ((x + w / 2, y + h / 2), (w * 0.7, h * 0.9), 0), cv2.GC_FGD, -1)
    # the neck: a collar between head and shoulders must not part them
    state[y + h // 2 : y + 2 * h, x + w // 3 : x + 2 * w // 3] = cv2.GC_FGD
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(photo, state, None, background, foreground, 5, cv2.GC_INIT_WITH_MASK)
    found = np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    return _connected(cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), (x + w // 2, y + h // 2))


def _connected(mask: NDArray[np.uint8], start: tuple[int, int]) -> NDArray[np.uint8]:
    """Return what hangs together with the point (x, y)."""
    _, labels = cv2.connectedComponents(mask)
    return np.asarray(labels == labels[start[1], start[0]], np.uint8)


def soften(photo: Photo, mask: NDArray[np.uint8]) -> Mask:
    """Soften a hard mask so that its edge follows the photo's.

    The guided filter of He, Sun and Tang (ECCV 2010), on the gray photo.
    """
    guide = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    radius = max(2, photo.shape[1] // 80)
    hard = mask.astype(np.float32)
    mean_guide, mean_mask = _box(guide, radius), _box(hard, radius)
    covariance = _box(guide * hard, radius) - mean_guide * mean_mask
    slope = covariance / (_box(guide * guide, radius) - mean_guide**2 + 1e-3)
    offset = mean_mask - slope * mean_guide
    soft = _box(slope, radius) * guide + _box(offset, radius)
    return np.asarray(np.clip((soft - 0.15) / 0.7, 0, 1), np.float32)


def _box(plane: Mask, radius: int) -> Mask:
    size = 2 * radius + 1
    return np.asarray(cv2.blur(plane, (size, size), borderType=cv2.BORDER_REFLECT), np.float32)
