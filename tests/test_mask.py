from pathlib import Path

import cv2
import numpy as np
import pytest

from handler.arrays import LineMap
from handler.mask import subject_mask
from tests.tools import sitter
from tests.tools.shared import needs_shared, shared


def reference(path: Path) -> tuple[float, float]:
    """How much of the head the mask covers, and how much of the background well beside it above the chin."""
    drawing = cv2.imread(str(path).replace("_head", "_drawing"), cv2.IMREAD_GRAYSCALE)
    head = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127
    mask = subject_mask(drawing.astype(np.float32) / 255)
    far = cv2.distanceTransform((~head).astype(np.uint8), cv2.DIST_L2, 5) > 25
    far[int(np.flatnonzero(head.any(axis=1)).max()) :] = False
    return float(mask[head].mean()), float(mask[far].mean())


@needs_shared("pairs")
def test_reference_heads_are_covered_and_their_background_is_not() -> None:
    heads = sorted(shared("pairs").glob("*_head.png"))
    covered, spilled = np.array([reference(head) for head in heads]).T
    assert len(heads) == 8
    assert covered.min() >= 0.97
    assert covered.mean() >= 0.985
    assert spilled.max() <= 0.09
    assert spilled.mean() <= 0.02


def covers_head(lines: LineMap) -> bool:
    return bool(subject_mask(lines)[sitter.head(len(lines)) == 1].mean() > 0.97)


def is_bare_beside_head(lines: LineMap) -> bool:
    side = len(lines)
    return bool(subject_mask(lines)[: side // 2, : side // 8].max() < 0.01)


@pytest.mark.parametrize("side", [64, 200, 512, 1024])
def test_the_sitter_is_solid_and_the_wall_is_not(side: int) -> None:
    lines = sitter.lines(side)
    mask = subject_mask(lines)
    assert mask.dtype == np.float32
    assert mask.shape == lines.shape
    assert 0 <= mask.min() <= mask.max() <= 1
    assert covers_head(lines)
    assert is_bare_beside_head(lines)


def test_the_edge_is_soft_and_narrow() -> None:
    row = subject_mask(sitter.lines(512))[200, :256]
    between = np.count_nonzero((row > 0.02) & (row < 0.98))
    assert 3 <= between <= 16


def test_gaps_in_the_hair_are_bridged() -> None:
    lines = sitter.lines(512)
    for angle in (200, 250, 300, 340):
        x, y = 256 + 128 * np.cos(np.deg2rad(angle)), 205 + 154 * np.sin(np.deg2rad(angle))
        cv2.circle(lines, (round(x), round(y)), 20, 1, -1)
    assert covers_head(lines)


def test_a_face_without_a_chin_line_is_still_a_face() -> None:
    lines = sitter.lines(512)
    lines[290:380, 150:362] = 1
    mask = subject_mask(lines)
    assert mask[240:300, 190:322].min() > 0.9
    assert is_bare_beside_head(lines)


def test_hair_that_is_barely_drawn_counts_where_it_meets_dark_ink() -> None:
    lines = sitter.lines(512)
    faint = (slice(40, 130), slice(190, 322))
    lines[faint] = 1 - 0.12 * (1 - lines[faint])
    assert covers_head(lines)


def test_the_wall_above_a_shoulder_is_no_subject() -> None:
    assert subject_mask(sitter.lines(512))[340:360, 20:80].max() < 0.01


def test_stray_lines_of_the_background_are_no_subject() -> None:
    lines = sitter.lines(512)
    cv2.line(lines, (10, 60), (50, 20), 0, 2)
    cv2.line(lines, (40, 200), (45, 250), 0.3, 2)
    assert covers_head(lines)
    assert is_bare_beside_head(lines)


def test_a_line_of_the_background_that_touches_the_head_is_cut_off() -> None:
    lines = sitter.lines(512)
    cv2.line(lines, (30, 205), (128, 205), 0, 2)
    assert is_bare_beside_head(lines)


@pytest.mark.parametrize(
    "cut",
    [(slice(100, None), slice(None)), (slice(None), slice(200, None)), (slice(None), slice(None, 310))],
    ids=["top", "left", "right"],
)
def test_a_subject_that_the_frame_cuts_off_reaches_the_frame(cut: tuple[slice, slice]) -> None:
    lines = np.ascontiguousarray(sitter.lines(512)[cut])
    head = sitter.head(512)[cut] == 1
    assert subject_mask(lines)[head].mean() > 0.97


def test_the_chest_between_open_shoulders_is_subject() -> None:
    mask = subject_mask(sitter.lines(512))
    assert mask[-1, 200:312].min() > 0.9
    assert mask[450, 256] == 1


@pytest.mark.parametrize("shape", [(512, 512), (1, 1), (3, 700), (64, 48)])
def test_an_empty_drawing_has_no_subject(shape: tuple[int, int]) -> None:
    mask = subject_mask(np.ones(shape, np.float32))
    assert mask.shape == shape
    assert not mask.any()


@pytest.mark.parametrize("shape", [(512, 512), (1, 1), (3, 700), (64, 48)])
def test_ink_all_over_is_all_subject(shape: tuple[int, int]) -> None:
    assert subject_mask(np.zeros(shape, np.float32)).min() > 0.9
