"""What training draws from: each photo, its mask and its drawing, at a few sizes, kept on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from model.files import whole
from model.training.subjects import Hint, Mask, NoFaceError, Photo, Subject, find_subject
from model.training.teacher import Gray, Teacher, draw

SIDES = (256, 384, 512, 768)  # of the square plates, pixels
FINER = 4 / 3  # a drawing is made this much larger than it is used: finer lines, smooth edges
PAPER_TEACHER = Teacher(tone_cap=0.49)  # the low cap keeps lips, noses and jaws on bright skin
SKIN = 0.65  # brightness that the face is raised to, so that dark skin is not taken for ink
Number = TypeVar("Number", np.uint8, np.float32)
SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Plate:
    """One photo at one size, all uint8: photo RGB (N, N, 3), mask and drawing (N, N).

    `mask` is 255 on the person; `drawing` is 255 on paper and 0 on ink; `face` is the centre of the
    face, x and y in [0, 1].
    """

    photo: Photo
    mask: NDArray[np.uint8]
    drawing: NDArray[np.uint8]
    face: tuple[float, float]


Plates = dict[int, Plate]  # by side


def target(photo: Photo, subject: Subject, teacher: Teacher = PAPER_TEACHER) -> Gray:
    """Return the drawing to learn: lines of the person and their outline, paper elsewhere; 0 ink, 1 paper."""
    inside = np.clip((subject.mask - 0.5) * 3 + 0.5, 0, 1).astype(np.float32)
    tone = _tone(photo, subject)
    lines = draw(tone * inside + 1 - inside, teacher)
    # a bright shoulder on white paper would have no edge of its own
    outline = draw(1 - 0.3 * inside, teacher)
    ink = 1 - np.minimum(lines, outline)
    return (1 - ink * np.clip(3 * subject.mask, 0, 1)).astype(np.float32)


def _tone(photo: Photo, subject: Subject) -> Gray:
    rgb = photo.astype(np.float32) / 255
    # the red of skin is brighter than its gray, the red of black hair is not
    gray = 0.85 * cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) + 0.15 * rgb.max(axis=2)
    gray = gray * np.clip(SKIN / max(_skin(gray, subject), 0.01), 1, 4)
    gray = np.where(gray > 0.85, 0.85 + 0.2 * np.tanh((gray - 0.85) / 0.3), gray)
    shade = np.clip(gray / 0.3, 0, 1)
    # deep shadows go deeper: dark hair becomes one filled shape with a few highlights
    return np.asarray(gray * (0.3 + 0.7 * shade * shade * (3 - 2 * shade)), np.float32)


def _skin(gray: Gray, subject: Subject) -> float:
    x, y, width, height = subject.face
    face = np.zeros(gray.shape, np.uint8)
    cv2.ellipse(face, ((x + width / 2, y + height / 2), (width * 0.8, height * 0.9), 0), 1, -1)
    seen = gray[(face > 0) & (subject.mask > 0.8)]
    return float(np.percentile(seen, 60)) if seen.size else SKIN


def make_plates(photo: Photo, hint: Hint | None) -> Plates:
    """RGB uint8 (H, W, 3) -> its plates; photos that are not square are squeezed into one."""
    return {side: _plate(photo, side, hint) for side in SIDES}


def _plate(photo: Photo, side: int, hint: Hint | None) -> Plate:
    large = round(side * FINER)
    picture = _resize(photo, large)
    subject = find_subject(picture, hint)
    drawing = _resize(target(picture, subject), side)
    x, y, width, height = subject.face
    centre = ((x + width / 2) / large, (y + height / 2) / large)
    return Plate(_resize(photo, side), _bytes(_resize(subject.mask, side)), _bytes(drawing), centre)


def _resize(image: NDArray[Number], side: int) -> NDArray[Number]:
    interpolation = cv2.INTER_AREA if side < min(image.shape[:2]) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (side, side), interpolation=interpolation), image.dtype)


def _bytes(plane: Mask) -> NDArray[np.uint8]:
    return np.asarray((plane * 255).round().clip(0, 255), np.uint8)


def load_plates(photos: Path, cache: Path, hints: dict[str, Hint]) -> dict[str, Plates]:
    """Turn a folder of photos into plates by the photo's stem, made once and kept in `cache`.

    When there are hints for some photos of the folder, the others are left out: their masks are
    known to be bad. Raises ValueError when nothing is left to learn from.
    """
    paths = sorted(p for p in photos.iterdir() if p.suffix.lower() in SUFFIXES)
    known = [p for p in paths if p.stem in hints]
    table: dict[str, Plates] = {}
    for path in tqdm(known or paths, desc="plates", unit="photo"):
        try:
            table[path.stem] = _cached(path, cache, hints.get(path.stem))
        except NoFaceError as error:
            tqdm.write(f"{path.name}: {error}")
    if not table:
        raise ValueError(f"{photos}: no photo with a face in it")
    return table


def _cached(path: Path, cache: Path, hint: Hint | None) -> Plates:
    kept = cache / f"{path.stem}.npz"
    if not kept.exists():
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise ValueError(f"{path}: not a picture that OpenCV reads")
        _save(make_plates(image.astype(np.uint8), hint), kept)
    with np.load(kept) as stored:
        return {side: _stored(stored, side) for side in SIDES}


def _stored(stored: np.lib.npyio.NpzFile, side: int) -> Plate:
    x, y = stored["face"]
    photo, mask, drawing = (stored[f"{part}_{side}"] for part in ("photo", "mask", "drawing"))
    return Plate(photo, mask, drawing, (float(x), float(y)))


def _save(plates: Plates, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = ("photo", "mask", "drawing")
    arrays = {f"{p}_{side}": getattr(plate, p) for side, plate in plates.items() for p in parts}
    with whole(path) as part:
        np.savez(part, face=np.array(plates[SIDES[0]].face), **arrays)
