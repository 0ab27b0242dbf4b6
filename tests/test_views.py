"""Training examples: the drawing moves with the photo, and light changes only the photo."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.network.line_model import LineModel
from model.training.backgrounds import PATTERNS, Pattern, behind, without_person
from model.training.plates import SIDES, Plate, Plates
from model.training.views import Example, batch, crowd, example, normalise, place, relight


@pytest.fixture(scope="module")
def person() -> Plates:
    """Return a red square with a drawing that is black exactly where the red is."""
    return {side: _plate(side) for side in SIDES}


def _plate(side: int) -> Plate:
    photo = np.full((side, side, 3), (0, 160, 0), np.uint8)
    mask = np.zeros((side, side), np.uint8)
    mask[side // 4 : -side // 4, side // 4 : -side // 4] = 255
    photo[mask > 0] = (200, 0, 0)
    return Plate(photo, mask, 255 - mask, (0.5, 0.5))


def test_ink_stays_on_the_person_wherever_they_are_placed(person: Plates) -> None:
    seen = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        view = place(rng, (96, 160), person, np.full((96, 160, 3), 90, np.uint8))
        red = (view.photo[..., 0] > 150) & (view.photo[..., 1] < 30)
        ink = view.drawing < 128
        seen += int(ink.any())
        # edges are blended, so the two may differ by a pixel or two there
        assert not (ink & ~_grown(red)).any()
        assert not (red & ~_grown(ink)).any()
    assert seen > 20


def _grown(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return cv2.dilate(region.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0


def test_examples_are_the_same_for_the_same_seed(person: Plates) -> None:
    pair = [example(np.random.default_rng((1, 2)), (64, 96), [person], []) for _ in range(2)]
    assert np.array_equal(pair[0].photo, pair[1].photo)
    assert np.array_equal(pair[0].drawing, pair[1].drawing)


def test_some_examples_show_nobody_and_ask_for_blank_paper(person: Plates) -> None:
    drawings = [example(np.random.default_rng(seed), (64, 64), [person], []).drawing for seed in range(80)]
    assert any((drawing == 255).all() for drawing in drawings)
    assert sum(bool((drawing < 128).any()) for drawing in drawings) > 60


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_have_the_size_and_differ_by_seed(pattern: Pattern) -> None:
    images = [pattern(np.random.default_rng(seed), (48, 80)) for seed in range(4)]
    assert all(image.shape == (48, 80, 3) and image.dtype == np.uint8 for image in images)
    assert len({image.tobytes() for image in images}) > 1


def test_the_person_is_painted_over() -> None:
    plate = _plate(256)
    assert without_person(plate)[..., 0].max() < 40


def test_backgrounds_use_scenes() -> None:
    scene = np.full((64, 64, 3), (1, 2, 250), np.uint8)
    found = [behind(np.random.default_rng(seed), (32, 32), [scene]) for seed in range(20)]
    assert any((image == (1, 2, 250)).all() for image in found)


def test_passers_by_are_out_of_focus(person: Plates) -> None:
    empty = np.full((96, 128, 3), (0, 0, 250), np.uint8)
    found = [crowd(np.random.default_rng(seed), empty, [person]).astype(int) for seed in range(6)]
    assert all(image.shape == empty.shape for image in found)
    reds = [image[..., 0] for image in found if image[..., 0].max() > 40]
    assert len(reds) > 3
    # in focus, the edge of the red square would be one pixel wide
    assert all(np.abs(np.diff(red, axis=axis)).max() < 100 for red in reds for axis in (0, 1))


def test_light_changes_only_the_photo() -> None:
    photo = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (64, 1, 3))
    seen = {relight(np.random.default_rng(seed), photo).tobytes() for seed in range(10)}
    assert len(seen) > 5


def test_normalising_is_that_of_the_archive() -> None:
    photo = np.random.default_rng(0).integers(0, 180, (32, 48, 3)).astype(np.uint8)
    archive = LineModel(torch.nn.Identity()).normalised(torch.from_numpy(photo.transpose(2, 0, 1).copy())[None])
    assert torch.allclose(normalise(photo)[None], archive, atol=1e-5)


def test_a_batch_counts_ink_as_one() -> None:
    photos, maps = batch([Example(np.zeros((32, 32, 3), np.uint8), np.full((32, 32), 255, np.uint8))])
    assert photos.shape == (1, 3, 32, 32)
    assert maps.shape == (1, 1, 32, 32)
    assert maps.max() == 0
