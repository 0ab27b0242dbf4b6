"""How large the network sees a photo: by its largest face or its person, and by the hand that was asked for."""

import cv2
import numpy as np
import pytest
import skimage.data

from handler.decode import Limits
from handler.finders import NO_FINDERS, Finders
from handler.option import Option
from handler.options import OPTIONS, Options
from handler.postprocess import encode
from handler.preprocess import Size, prepare
from handler.request import Request
from handler.sight import LINES, Sight, seen_side
from model.weights.source import resolve, sight_of
from scripts.serving.paths import SAMPLE

FACE_170 = Sight(side=448, face=170, most=864)


def input_sides(sight: Sight, finders: Finders = NO_FINDERS, **options: str) -> tuple[int, ...]:
    request = Request(SAMPLE.read_bytes(), Options(**options))  # type: ignore[arg-type]
    return prepare(request, Limits(), finders, sight).network_input.shape[:2]


def test_every_hand_has_its_scale() -> None:
    option: Option = OPTIONS["line"]
    assert set(LINES) == set(option.names)


@pytest.mark.parametrize(
    ("width", "side"),
    [(None, 448), (170, 512), (340, 320), (200, 170 * 512 / 200), (100, 640)],
)
def test_the_largest_face_comes_to_its_width_within_bounds(width: float | None, side: float) -> None:
    assert seen_side(FACE_170, "normal", (512, 512, 3), width, None) == pytest.approx(side)


def test_a_wide_photo_is_seen_by_its_area() -> None:
    assert seen_side(FACE_170, "normal", (400, 900, 3), 170, None) == pytest.approx(600)


@pytest.mark.parametrize(("person", "side"), [((512, 512), 448), ((448, 448), 512), ((100, 90), 640), (None, 448)])
def test_without_a_face_the_person_comes_to_the_weights_own_side(person: Size | None, side: float) -> None:
    assert seen_side(FACE_170, "normal", (512, 512, 3), None, person) == pytest.approx(side)


@pytest.mark.parametrize("width", [None, 20, 500])
def test_published_weights_see_what_they_were_trained_at(width: float | None) -> None:
    for line, side in (("normal", 512), ("bold", 384), ("fine", 640)):
        assert seen_side(Sight(), line, (512, 512, 3), width, (99, 80)) == side


def test_a_face_decides_what_the_network_sees(finders: Finders) -> None:
    height, width = input_sides(FACE_170, finders)
    assert height == width
    assert height != 448
    assert input_sides(FACE_170, line="bold") == (320, 320)
    assert input_sides(FACE_170) == (448, 448)
    assert input_sides(Sight(), finders) == (512, 512)


def test_a_person_whose_face_is_not_seen_decides(finders: Finders) -> None:
    scene = np.full((1000, 1000, 3), 200, np.uint8)
    scene[600:, 300:700] = cv2.resize(skimage.data.astronaut(), (400, 400), interpolation=cv2.INTER_AREA)
    made = prepare(Request(encode(scene, "png"), Options()), Limits(), Finders(finders.person), FACE_170)
    assert made.network_input.shape[:2] == (640, 640)


def test_a_stretched_photo_is_always_the_original_apps(finders: Finders) -> None:
    for scene in ("keep", "remove"):
        assert input_sides(FACE_170, finders, frame="stretch", line="fine", scene=scene) == (512, 512)


def test_a_face_is_not_counted_where_none_was_asked_for(finders: Finders) -> None:
    made = prepare(Request(SAMPLE.read_bytes(), Options()), Limits(), finders, FACE_170)
    assert made.faces is None


def test_the_embedded_weights_look_for_faces() -> None:
    assert sight_of(resolve("lite")).face > 0


@pytest.mark.parametrize(("photo", "size", "side"), [(64, None, 64), (64, 64, 64), (65, None, 512), (64, 65, 512)])
def test_a_thumbnail_drawn_as_a_thumbnail_is_seen_small(photo: int, size: int | None, side: int) -> None:
    tiny = cv2.imencode(".png", np.zeros((photo, photo, 3), np.uint8))[1].tobytes()
    assert prepare(Request(tiny, Options(size=size)), Limits()).network_input.shape == (side, side, 3)
