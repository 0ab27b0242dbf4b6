"""What a cut-out person can be pasted on: patterns made from nothing, and other photos' backgrounds."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from model.training.plates import Plate

Image = NDArray[np.uint8]  # RGB (H, W, 3)
Size = tuple[int, int]  # height, width
Pattern = Callable[[Generator, Size], Image]


def flat(rng: Generator, size: Size) -> Image:
    """One colour: white, black, gray or any."""
    colour = (np.array([255] * 3), np.array([0] * 3), np.full(3, rng.integers(256)), rng.integers(0, 256, 3))
    return np.full((*size, 3), colour[rng.integers(4)], np.uint8)


def gradient(rng: Generator, size: Size) -> Image:
    """Return a few colours blended smoothly: walls, skies, studio light."""
    corners = rng.integers(0, 256, (*rng.integers(1, 4, 2), 3)).astype(np.uint8)
    return _stretch(corners, size, cv2.INTER_CUBIC)


def clouds(rng: Generator, size: Size) -> Image:
    """Noise of several sizes: foliage, plaster, crowds out of focus."""
    total = np.zeros((*size, 3), np.float32)
    for cells in (3, 6, 12, 25, 50, 100):
        rough = rng.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        rough += 2 * rough.mean(axis=2, keepdims=True)
        total += cv2.resize(rough, size[::-1], interpolation=cv2.INTER_CUBIC) * rng.uniform(0, 25)
    return (total + rng.integers(0, 256, 3)).clip(0, 255).astype(np.uint8)


def shapes(rng: Generator, size: Size) -> Image:
    """Polygons, discs, lines and letters: graffiti, shelves, lamps, signs."""
    image = gradient(rng, size)
    height, width = size
    for _ in range(rng.integers(4, 40)):
        colour = [int(c) for c in rng.integers(0, 256, 3)]
        x, y = (int(v) for v in rng.integers(0, (width, height)))
        thickness = int(rng.integers(1, 9))
        match rng.integers(4):
            case 0:
                points = (rng.normal(0, width / 8, (5, 2)) + np.array([x, y])).astype(np.int32)
                cv2.fillPoly(image, [points], colour, cv2.LINE_AA)
            case 1:
                radius = int(rng.integers(2, width // 6))
                cv2.circle(image, (x, y), radius, colour, int(rng.choice([-1, thickness])), cv2.LINE_AA)
            case 2:
                end = tuple(int(v) for v in rng.integers(0, (width, height)))
                cv2.line(image, (x, y), end, colour, thickness, cv2.LINE_AA)
            case _:
                text = "".join(chr(c) for c in rng.integers(65, 91, 5))
                font = int(rng.integers(0, 8))
                cv2.putText(image, text, (x, y), font, rng.uniform(0.5, 3), colour, thickness, cv2.LINE_AA)
    return image


def tiles(rng: Generator, size: Size) -> Image:
    """Stripes and bricks, turned by any angle: fences, walls, blinds, windows."""
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    tall, wide, gap = rng.uniform(6, 60), rng.uniform(10, 200), rng.uniform(0.05, 0.6)
    row = np.floor(across / tall)
    joint = (across / tall - row < gap) | (np.mod(along / wide + row / 2, 1) < gap * rng.choice([0, 0.4]))
    colours = gradient(rng, size).astype(np.float32), gradient(rng, size).astype(np.float32)
    image = np.where(joint[..., None], *colours) + rng.normal(0, rng.uniform(0, 12), (height, width, 1))
    return image.clip(0, 255).astype(np.uint8)


def strokes(rng: Generator, size: Size) -> Image:
    """Thick bent strokes with an edge in another colour: graffiti, neon, branches, cables."""
    image = gradient(rng, size)
    diagonal = float(np.hypot(*size))
    for _ in range(rng.integers(3, 16)):
        turns = rng.normal(0, rng.uniform(0.05, 0.5)) + rng.normal(0, 0.15, 24)
        angles = rng.uniform(0, 2 * np.pi) + np.cumsum(turns)
        steps = np.stack([np.cos(angles), np.sin(angles)], 1) * diagonal * rng.uniform(0.01, 0.06)
        points = (np.cumsum(steps, 0) + rng.uniform(0, 1, 2) * size[::-1]).astype(np.int32)
        width = max(2, int(diagonal * rng.uniform(0.003, 0.06)))
        edge, colour = rng.integers(0, 256, (2, 3)).tolist()
        cv2.polylines(image, [points], False, edge, width + int(rng.integers(1, 8)), cv2.LINE_AA)
        cv2.polylines(image, [points], False, colour, width, cv2.LINE_AA)
    return image


def papers(rng: Generator, size: Size) -> Image:
    """Small pictures in crooked rows: notes and photos on a wall, shelves, windows of a house."""
    image = gradient(rng, size)
    height, width = size
    row = int(rng.uniform(0.04, 0.25) * height) + 4
    column = int(row * rng.uniform(0.6, 1.6)) + 4
    filled = rng.uniform(0.4, 1)
    for y in range(0, height, row):
        for x in range(0, width, column):
            if rng.random() > filled:
                continue
            top, left = (int(v) for v in np.maximum(0, np.array([y, x]) + rng.normal(0, 0.08 * row, 2)))
            seen = image[top : top + int(row * rng.uniform(0.6, 1)), left : left + int(column * rng.uniform(0.6, 1))]
            if seen.size:
                seen[:] = LEAVES[rng.integers(len(LEAVES))](rng, seen.shape[:2])
    return image


PLAIN: tuple[Pattern, ...] = (flat, gradient)
LEAVES: tuple[Pattern, ...] = (*PLAIN, clouds, tiles)  # what one paper may show
BUSY: tuple[Pattern, ...] = (clouds, tiles, shapes, strokes, papers)
PATTERNS: tuple[Pattern, ...] = (*PLAIN, *BUSY)


def pattern(rng: Generator, size: Size) -> Image:
    """Any of the patterns, mostly a busy one, uint8 (H, W, 3)."""
    patterns = BUSY if rng.random() < 0.8 else PLAIN
    return patterns[rng.integers(len(patterns))](rng, size)


def without_person(plate: Plate) -> Image:
    """Return the plate with the person painted over by what surrounds them, uint8 (N, N, 3)."""
    hidden = cv2.dilate((plate.mask > 8).astype(np.uint8), np.ones((9, 9), np.uint8))
    seen = (1 - hidden).astype(np.float32)[..., None]  # (N, N, 1), 1 where the wall shows
    return _fill(plate.photo * seen, seen).clip(0, 255).astype(np.uint8)


def _fill(sums: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means where something was seen; elsewhere the same from the picture at half the size."""
    height, width = weight.shape[:2]
    if min(height, width) < 4:
        total = max(float(weight.sum()), 1e-6)
        return np.broadcast_to(sums.sum(axis=(0, 1)) / total, sums.shape).astype(np.float32)
    half = width // 2, height // 2
    small = [cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in (sums, weight)]
    # a pyramid: what no level has seen comes from the next one, at half the size ("pull-push", Gortler et al., 1996)
    coarse = cv2.resize(_fill(small[0], small[1][..., None]), (width, height), interpolation=cv2.INTER_LINEAR)
    sure = np.clip(weight, 0, 1)
    return np.asarray(sums + (1 - sure) * coarse, np.float32)


def behind(rng: Generator, size: Size, scenes: Sequence[Image]) -> Image:
    """Return a background of any kind, sharp or out of focus, light or dark: uint8 (H, W, 3)."""
    image = one_place(rng, size, scenes)
    if rng.random() < 0.25:
        # a corner, a door, a post: two places side by side
        seam = int(size[1] * rng.uniform(0.1, 0.9))
        image[:, seam:] = one_place(rng, size, scenes)[:, seam:]
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, size[0] / 40)).astype(np.uint8)
    if rng.random() < 0.35:
        image = (image * rng.uniform(0, 1)).astype(np.uint8)
    return image


def one_place(rng: Generator, size: Size, scenes: Sequence[Image]) -> Image:
    """Another photo's background or a pattern, uint8 (H, W, 3)."""
    if not scenes or rng.random() < 0.4:
        return pattern(rng, size)
    image = scene(rng, size, scenes)
    return np.ascontiguousarray(image[..., rng.permutation(3)]) if rng.random() < 0.3 else image


def scene(rng: Generator, size: Size, scenes: Sequence[Image]) -> Image:
    """Return a part of another photo's background, flipped and stretched to the size."""
    whole = scenes[int(rng.integers(len(scenes)))]
    side = whole.shape[0]
    part = int(side * rng.uniform(0.3, 1))
    x, y = rng.integers(0, side - part + 1, 2)
    cut = whole[y : y + part, x : x + part]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    return _stretch(np.ascontiguousarray(cut), size, cv2.INTER_LINEAR)


def _stretch(image: Image, size: Size, interpolation: int) -> Image:
    return np.asarray(cv2.resize(image, size[::-1], interpolation=interpolation).clip(0, 255), np.uint8)
