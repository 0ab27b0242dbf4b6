"""`scene=remove`: the person is cut out before the network sees the photo, and nothing else is drawn."""

import cv2
import numpy as np
import pytest

from handler.arrays import LineMap, Mask, Photo
from handler.decode import Limits, decode
from handler.finders import NO_FINDERS, Finders
from handler.options import Options, parse_options
from handler.postprocess import encode, render
from handler.preprocess import Job, part_of, prepare, reduced, resize
from handler.request import Request
from scripts.serving.paths import SAMPLE
from tests.tools import sitter

PHOTO = SAMPLE.read_bytes()
CORNER = (slice(0, 40), slice(0, 40))  # of the sample at its own size: a wall


def job(finders: Finders, **options: str) -> Job:
    return prepare(Request(PHOTO, parse_options({}, options)), Limits(), finders)


def with_ghost(person: Mask) -> LineMap:
    """Return the outline of a person, and a stroke of the wall in the corner."""
    outline = cv2.morphologyEx((person > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
    outline[10:14, 10:30] = 1
    return 1 - outline.astype(np.float32)


@pytest.mark.parametrize(("style", "scene"), [("draw", "keep"), ("sketch", "remove"), ("composite", "keep")])
def test_what_is_around_the_person_goes_by_the_style(style: str, scene: str) -> None:
    assert parse_options({}, {"style": style}).scene == scene


def test_the_network_sees_the_person_on_white(finders: Finders) -> None:
    cut, whole = job(finders, scene="remove"), job(finders)
    assert cut.network_input[CORNER].min() == 255 > whole.network_input[CORNER].max()
    assert cut.person is not None
    size = cut.network_input.shape[:2]
    sure = reduced(part_of(cut.person, cut.seen), size) == 1
    assert sure.mean() > 0.3
    assert np.array_equal(cut.network_input[sure], resize(part_of(whole.photo, cut.seen), size)[sure])


def beside_a_wall(width: int, height: int, left: int) -> Photo:
    """Return the sample's person in the lower part of a larger, plain photo."""
    photo = np.full((height, width, 3), (90, 140, 200), np.uint8)
    sample = decode(PHOTO, Limits())
    side = len(sample)
    photo[height - side :, left : left + side] = sample
    return photo


@pytest.mark.parametrize("size", [None, 64, 300, 2500])
def test_the_network_sees_no_more_than_the_persons_box(finders: Finders, size: int | None) -> None:
    photo = beside_a_wall(1700, 1100, 900)
    options = Options(scene="remove", size=size)
    made = prepare(Request(encode(photo, "png"), options), Limits(), finders)
    assert made.seen is not None
    assert made.person is not None
    left, top, right, bottom = made.seen
    assert 0.4 * made.photo.shape[1] < left < right <= made.photo.shape[1]
    assert 0.3 * made.photo.shape[0] < top < bottom <= made.photo.shape[0]
    outside = made.person.copy()
    outside[top:bottom, left:right] = 0
    assert outside.max() == 0
    shape = made.network_input.shape
    assert shape[1] / shape[0] == pytest.approx((right - left) / (bottom - top), rel=0.1)


def test_lines_of_a_part_are_laid_where_it_was() -> None:
    lines, kept = np.zeros((32, 32), np.float32), np.ones((128, 128), np.float32)
    picture = render(wall_of(255), lines, Options(scene="remove"), kept, (48, 16, 112, 80))
    assert picture[16:80, 48:112].max() == 0
    picture[16:80, 48:112] = 255
    assert picture.min() == 255


def test_nobody_looks_for_a_person_whose_scene_is_kept(finders: Finders) -> None:
    asked: list[str] = []

    def timed(stage: str) -> np.errstate:
        asked.append(stage)
        return np.errstate()

    for scene, stages in (("keep", []), ("remove", ["person"])):
        asked.clear()
        prepare(Request(PHOTO, Options(scene=scene)), Limits(), finders, timed=timed)
        assert asked == stages


@pytest.mark.parametrize("style", ["draw", "sketch", "composite"])
def test_nothing_is_drawn_beside_the_person(finders: Finders, style: str) -> None:
    made = job(finders, style=style, scene="remove", background="#00ff00")
    assert made.person is not None
    picture = render(made.photo, with_ghost(made.person), made.options, made.person)
    assert (picture[CORNER] == (0, 255, 0)).all()


def test_a_composite_of_the_photo_alone_is_the_photo_cut_out(finders: Finders) -> None:
    made = job(finders, style="composite", scene="remove", alpha="1", sigma="0", background="transparent")
    assert made.person is not None
    picture = render(made.photo, with_ghost(made.person), made.options, made.person)
    assert picture[CORNER][..., 3].max() == 0
    inside = picture[..., 3] == 255
    assert inside.mean() > 0.3
    assert np.abs(picture[inside][:, :3].astype(int) - made.photo[inside]).max() <= 1


def test_a_blurred_wall_does_not_bleed_into_the_person() -> None:
    photo, kept = wall_of(255), np.zeros((128, 128), np.float32)
    kept[:, 64:] = 1
    picture = render(photo, np.ones((128, 128), np.float32), Options(style="composite", scene="remove", alpha=1), kept)
    assert picture[:, 64:].max() <= 51


def wall_of(level: int) -> Photo:
    """Return a dark person right of a wall of that level."""
    photo = np.full((128, 128, 3), level, np.uint8)
    photo[:, 64:] = 50
    return photo


def test_without_a_person_the_lines_decide() -> None:
    made = job(NO_FINDERS, style="sketch")
    assert made.person is None
    sketched = render(sitter.photo(256), sitter.lines(256), made.options)
    assert sketched[:128, :32].min() == 255
    assert sketched.min() < 100


def test_without_a_person_and_lines_the_whole_photo_is_drawn() -> None:
    everything = render(sitter.photo(128), np.ones((128, 128), np.float32), Options(style="sketch"))
    assert (everything < 250).mean() > 0.5
