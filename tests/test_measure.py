"""The figures of the embedded weights: ink behind people, scores against drawings, blank photos, the sheet."""

import cv2
import numpy as np
import pytest

from handler.decode import Limits, decode
from handler.finders import Finders
from handler.options import Options
from model.training.measure import background_ink, blank_photos, load_score, score_pairs
from model.training.plates import Plate
from model.training.sheet import VARIANTS, contact_sheet
from model.weights.source import EMBEDDED
from scripts.serving.paths import SAMPLE
from scripts.training import score_lite
from scripts.training.served import served, timings
from tests.tools.portraits import portrait
from tests.tools.shared import needs_shared, shared


def _plate() -> Plate:
    mask = np.zeros((100, 100), np.uint8)
    mask[:, :40] = 255
    return Plate(np.zeros((100, 100, 3), np.uint8), mask, mask, (0.2, 0.5))


def test_only_ink_far_from_the_person_counts() -> None:
    drawing = np.full((100, 100), 255, np.uint8)
    drawing[:, :60] = 0
    assert background_ink(drawing, _plate()) == 0
    drawing[:50, 80:] = 0
    assert background_ink(drawing, _plate()) == pytest.approx(0.25, abs=0.02)


def test_a_person_who_fills_the_photo_leaves_nothing_to_measure() -> None:
    full = np.full((50, 50), 255, np.uint8)
    assert np.isnan(background_ink(full, Plate(np.zeros((50, 50, 3), np.uint8), full, full, (0.5, 0.5))))


@needs_shared("pairs", "tools/drawing_score.py")
def test_the_reference_drawings_score_one_against_themselves() -> None:
    pairs, tool = shared("pairs"), shared("tools/drawing_score.py")
    references = iter(sorted(pairs.glob("*_drawing.png")))
    rows = list(score_pairs(pairs, lambda _: cv2.imread(str(next(references)), 0).astype(np.uint8), load_score(tool)))
    assert len(rows) >= 10
    assert all(value == pytest.approx(1) for _, figures, _ in rows for value in figures.values())


def test_the_sheet_shows_every_variant() -> None:
    seen: list[tuple[int, ...]] = []

    def artist(photo: np.ndarray) -> np.ndarray:
        seen.append(photo.shape)
        return np.zeros(photo.shape[:2], np.uint8)

    sheet = contact_sheet(portrait(0), artist)
    assert len(seen) == len(VARIANTS)
    assert sheet.ndim == 3


def test_blank_photos_are_the_same_every_time() -> None:
    first, second = blank_photos(64), blank_photos(64)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_the_script_prints_a_line_per_blank_photo(capsys: pytest.CaptureFixture[str]) -> None:
    assert score_lite.main(["blank", "--side", "64"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(blank_photos())


def test_what_is_measured_is_what_is_served(finders: Finders) -> None:
    photo = decode(SAMPLE.read_bytes(), Limits())
    whole, nobody = served(EMBEDDED, Options())(photo)
    alone, somebody = served(EMBEDDED, Options(style="sketch"))(photo)
    assert whole.shape == alone.shape == photo.shape[:2]
    assert nobody is None
    assert somebody is not None
    assert alone[somebody == 0].min() > 200 > whole[somebody == 0].min()


def test_times_are_of_both_ways(finders: Finders) -> None:
    (timing,) = timings([SAMPLE], {"scene": "remove"}, 1)
    assert 0.1 < timing.face < 0.4
    assert 0 < timing.now < 20
    assert 0 < timing.before < 20
