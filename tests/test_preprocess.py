import numpy as np
import pytest
import skimage.data
from PIL import Image

from handler.decode import Limits
from handler.errors import RequestError
from handler.finders import NO_FINDERS, Finders
from handler.options import OPTIONS, Options
from handler.preprocess import FRAMINGS, Job, input_size, picture_size, prepare
from handler.request import Request
from tests.tools.hostile import encoded, picture


def job(width: int, height: int, finders: Finders = NO_FINDERS, **options: object) -> Job:
    data = encoded(picture(width, height), "PNG")
    return prepare(Request(data, Options(**options)), Limits(), finders)  # type: ignore[arg-type]


def blank(height: int, width: int) -> np.typing.NDArray[np.uint8]:
    return np.zeros((height, width, 3), np.uint8)


def test_every_frame_has_its_framing() -> None:
    assert tuple(FRAMINGS) == OPTIONS["frame"].names


@pytest.mark.parametrize(
    ("height", "width", "long_side", "expected"),
    [
        (300, 400, None, (300, 400)),
        (1, 1, None, (1, 1)),
        (3000, 4000, None, (1536, 2048)),
        (20000, 1, None, (2048, 1)),
        (300, 400, 1024, (768, 1024)),
        (400, 300, 64, (64, 48)),
    ],
)
def test_the_picture_keeps_the_photos_aspect(
    height: int, width: int, long_side: int | None, expected: tuple[int, int]
) -> None:
    assert picture_size(blank(height, width), long_side) == expected


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (512, 512, (512, 512)),
        (7, 7, (512, 512)),
        (3000, 4000, (448, 576)),
        (4000, 3000, (576, 448)),
        (1080, 1920, (384, 672)),
        (1, 20000, (256, 1024)),
        (20000, 1, (1024, 256)),
    ],
)
def test_the_network_sees_the_trained_area_in_the_photos_aspect(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    assert input_size(blank(height, width), 512) == expected


def test_a_photo_at_the_networks_size_reaches_it_untouched() -> None:
    made = job(512, 512)
    assert (made.network_input == np.asarray(picture(512, 512))).all()
    assert (made.photo == made.network_input).all()


def test_stretch_is_squashed_to_a_square_as_the_original_app_did() -> None:
    made = job(300, 200, frame="stretch")
    assert made.photo.shape == made.network_input.shape == (512, 512, 3)


def test_no_face_means_the_whole_photo(finders: Finders) -> None:
    made = job(120, 90, finders, frame="face")
    assert (made.faces, made.photo.shape) == (0, (90, 120, 3))
    assert job(120, 90, finders).faces is None


def test_without_a_model_the_whole_photo_is_shown_and_no_number_of_faces_claimed() -> None:
    made = job(120, 90, frame="face")
    assert (made.faces, made.photo.shape) == (None, (90, 120, 3))


def test_the_face_is_cut_out(finders: Finders) -> None:
    request = Request(encoded(Image.fromarray(skimage.data.astronaut()), "PNG"), Options(frame="face"))
    made = prepare(request, Limits(), finders)
    assert made.faces == 1
    assert made.photo.shape[0] == made.photo.shape[1] < 300


def test_a_photo_too_large_is_refused_with_413() -> None:
    request = Request(encoded(picture(), "PNG"), Options())
    with pytest.raises(RequestError) as caught:
        prepare(request, Limits(megapixels=0.001))
    assert caught.value.status == 413
