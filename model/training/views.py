"""Training examples: a view of a plate, on its own background or another, in another light."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from model.network.line_model import DEVIATION, MEAN
from model.training.backgrounds import Image, Size, behind, flat
from model.training.plates import SIDES, Plate, Plates

SMALLEST, LARGEST = 150, 720  # sides of a plate in a view, pixels
EMPTY = 0.08  # share of examples without a person, whose drawing is blank paper
CROWDED = 0.2  # share of backgrounds with people in them, out of focus, who are not drawn


@dataclass(frozen=True)
class Example:
    """Photo RGB uint8 (H, W, 3), drawing uint8 (H, W): 0 ink, 255 paper."""

    photo: Image
    drawing: NDArray[np.uint8]


def example(rng: Generator, size: Size, people: Sequence[Plates], scenes: Sequence[Image]) -> Example:
    """One augmented example of the size (height, width)."""
    background = behind(rng, size, scenes)
    if rng.random() < EMPTY:
        nobody = flat(rng, size) if rng.random() < 0.35 else relight(rng, background)
        return Example(nobody, np.full(size, 255, np.uint8))
    if rng.random() < CROWDED:
        background = crowd(rng, background, people)
    person = people[int(rng.integers(len(people)))]
    view = place(rng, size, person, background)
    return Example(relight(rng, view.photo), view.drawing)


def place(rng: Generator, size: Size, person: Plates, background: Image) -> Example:
    """Return a person, scaled, turned, moved and mirrored, before the background or their own."""
    side = _side(rng, min(size))
    level = min(SIDES, key=lambda known: abs(np.log(known / side)))
    plate, scale = person[level], float(np.clip(side / level, 0.6, 1.4))
    matrix = _matrix(rng, size, plate, level, scale)
    warp = _Warp(matrix, size)
    inside = warp(np.full((level, level), 255, np.uint8), 0)
    mask = warp(plate.mask, 0)
    drawing = warp(plate.drawing, 255)
    photo = warp(plate.photo, 0)
    own = rng.random() < (0.5 if inside.min() == 255 else 0.15)
    # its own surroundings with a plain margin, as a photo on a page; or the person alone
    alpha, base = (inside, flat(rng, size)) if own else (mask, background)
    blend = alpha[..., None].astype(np.float32) / 255
    mixed = photo * blend + base * (1 - blend)
    return Example(mixed.round().astype(np.uint8), drawing)


def crowd(rng: Generator, background: Image, people: Sequence[Plates]) -> Image:
    """Return the background with passers-by out of focus, uint8 (H, W, 3)."""
    height, width = background.shape[:2]
    crowded = background.astype(np.float32)
    for _ in range(rng.integers(1, 6)):
        plate = people[int(rng.integers(len(people)))][SIDES[0]]
        scale = rng.uniform(0.25, 1.2) * height / SIDES[0]
        corner = rng.uniform(-0.5, 0.8) * width, height - SIDES[0] * scale * rng.uniform(0.4, 1.1)
        warp = _Warp(np.array([[scale, 0, corner[0]], [0, scale, corner[1]]]), (height, width))
        alpha = warp(plate.mask, 0)[..., None].astype(np.float32) / 255
        crowded += alpha * (warp(plate.photo, 0) * rng.uniform(0.1, 1) - crowded)
    blurred = cv2.GaussianBlur(crowded, (0, 0), height * rng.uniform(0.008, 0.04))
    return np.asarray(blurred.clip(0, 255), np.uint8)


@dataclass(frozen=True)
class _Warp:
    matrix: NDArray[np.float64]
    size: Size

    def __call__(self, image: NDArray[np.uint8], outside: int) -> NDArray[np.uint8]:
        border = (outside,) * 3
        shape = self.size[::-1]
        warped = cv2.warpAffine(
            image, self.matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border
        )
        return np.asarray(warped, np.uint8)


def _side(rng: Generator, view: int) -> float:
    low = max(SMALLEST, 0.5 * view)
    # mostly whole people with something around them, which must go; else close views of their lines
    high = max(1.3 * view, 1.3 * low) if rng.random() < 0.75 else LARGEST
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _matrix(rng: Generator, size: Size, plate: Plate, level: int, scale: float) -> NDArray[np.float64]:
    angle = rng.normal(0, 5) if rng.random() < 0.5 else 0.0
    matrix = cv2.getRotationMatrix2D((level / 2, level / 2), angle, scale)
    if rng.random() < 0.5:
        matrix = matrix @ np.array([[-1, 0, level - 1], [0, 1, 0], [0, 0, 1]])
    corner = matrix @ np.array([level / 2, level / 2, 1]) - level * scale / 2
    face = matrix @ np.array([plate.face[0] * level, plate.face[1] * level, 1]) - corner
    spare = np.array(size[::-1]) - level * scale
    shift = [_shift(rng, s, f, n) for s, f, n in zip(spare, face, size[::-1], strict=True)]
    if spare[1] > 0 and rng.random() < 0.7:
        shift[1] = spare[1]  # people are cut by the lower edge of most photos
    matrix[:, 2] += np.array(shift) - corner
    return np.asarray(matrix, np.float64)


def _shift(rng: Generator, spare: float, face: float, length: int) -> float:
    low, high = min(0.0, spare), max(0.0, spare)
    if spare < 0 and rng.random() < 0.85:
        # a close view that still shows the face
        low, high = max(low, 0.1 * length - face), min(high, 0.9 * length - face)
    return float(rng.uniform(min(low, high), max(low, high)))


def relight(rng: Generator, photo: Image) -> Image:
    """Other light, colour, contrast, sharpness, noise and compression."""
    if rng.random() < 0.12:
        photo = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.uint8)
    if rng.random() < 0.15:
        photo = cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.4, 1.2)).astype(np.uint8)
    curve = _curve(rng, np.linspace(0, 1, 256)[:, None])
    photo = cv2.LUT(photo, (curve * 255).round().astype(np.uint8).reshape(1, 256, 3)).astype(np.uint8)
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(1, 12), photo.shape[:2])[..., None]
        photo = (photo + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))]
        photo = cv2.imdecode(cv2.imencode(".jpg", photo, quality)[1], cv2.IMREAD_COLOR).astype(np.uint8)
    return photo


def _curve(rng: Generator, level: NDArray[np.float64]) -> NDArray[np.float64]:
    if rng.random() < 0.25:
        return np.repeat(level, 3, axis=1)
    gamma = np.exp(rng.normal(0, 0.35))
    contrast = np.exp(rng.normal(-0.1, 0.3))
    tint = np.exp(rng.normal(0, 0.08, (1, 3)))
    light = np.exp(rng.normal(-0.1, 0.35))
    centre = rng.uniform(0.3, 0.6)
    return np.asarray(np.clip(((level**gamma - centre) * contrast + centre) * tint * light, 0, 1), np.float64)


def batch(examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Examples -> normalised photos float32 (B, 3, H, W) and line maps (B, 1, H, W), 1 ink."""
    photos = torch.stack([normalise(e.photo) for e in examples])
    maps = torch.stack([torch.from_numpy(1 - e.drawing.astype(np.float32) / 255)[None] for e in examples])
    return photos.contiguous(memory_format=torch.channels_last), maps


def normalise(photo: Image) -> Tensor:
    """RGB uint8 (H, W, 3) -> float32 (3, H, W): by its own maximum, then ImageNet's mean and deviation."""
    scaled = photo.astype(np.float32) / max(int(photo.max()), 1)
    planes = (scaled - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    return torch.from_numpy(np.ascontiguousarray(planes.transpose(2, 0, 1)))
