"""Generated portraits: a head and shoulders before a pattern, with the hints that a person would give."""

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 300


def portrait(seed: int) -> NDArray[np.uint8]:
    """RGB uint8 (300, 300, 3)."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 256, (9, 9, 3)).astype(np.uint8), (SIDE, SIDE))
    cv2.ellipse(image, ((150, 290), (220, 150), 0), [40, 60, 120], -1)
    cv2.ellipse(image, ((150, 120), (120, 150), 0), [30, 20, 20], -1)
    cv2.ellipse(image, ((150, 140), (90, 120), 0), [220, 180, 150], -1)
    for x in (130, 170):
        cv2.circle(image, (x, 130), 7, [30, 30, 60], -1)
    cv2.line(image, (130, 175), (170, 175), [140, 40, 50], 4)
    return np.asarray(image, np.uint8)


def write_portraits(folder: Path, names: tuple[str, ...]) -> Path:
    """PNG files in `folder` -> the file with their hints."""
    folder.mkdir(parents=True)
    for seed, name in enumerate(names):
        cv2.imwrite(str(folder / f"{name}.png"), portrait(seed)[..., ::-1])
    outline = [300, 400, 320, 220, 500, 150, 680, 220, 700, 400, 640, 660, 860, 999, 140, 999, 360, 660]
    hints = folder.parent / "hints.json"
    hints.write_text(json.dumps({name: {"face": [350, 270, 300, 400], "outline": [outline]} for name in names}))
    return hints
