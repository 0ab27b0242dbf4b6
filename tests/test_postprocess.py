import io
import itertools

import cv2
import numpy as np
import pytest
import resvg_py
from PIL import Image
from skimage.metrics import structural_similarity

from handler.arrays import Picture
from handler.option import Colour
from handler.options import MEDIA_TYPES, WHITE, Options
from handler.postprocess import ENCODERS, encode, render
from handler.styles import STYLES
from tests.tools import sitter

PAPERS: list[Colour | None] = [WHITE, None, (200, 30, 90)]
every_style = pytest.mark.parametrize("style", STYLES)
every_background = pytest.mark.parametrize("background", PAPERS, ids=str)


def rendered(style: str = "draw", background: Colour | None = WHITE, side: int = 300) -> Picture:
    return render(sitter.photo(side), sitter.lines(256), Options(style=style, background=background))


def decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_every_format_has_its_encoder() -> None:
    assert tuple(ENCODERS) == tuple(MEDIA_TYPES)


@every_style
@every_background
def test_a_picture_has_the_photos_size(style: str, background: Colour | None) -> None:
    photo = cv2.resize(sitter.photo(256), (220, 330))
    picture = render(photo, sitter.lines(256), Options(style=style, background=background))
    assert picture.dtype == np.uint8
    assert picture.shape[:2] == (330, 220)


@pytest.mark.parametrize("style", ["draw", "sketch"])
def test_ink_on_white_paper_is_gray(style: str) -> None:
    assert decoded(encode(rendered(style), "png")).mode == "L"


@every_style
@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_transparent_ink_laid_on_a_colour_is_the_picture_on_that_colour(style: str, image_format: str) -> None:
    ink = decoded(encode(rendered(style, None), image_format)).convert("RGBA")
    for paper in (WHITE, (200, 30, 90)):
        laid = Image.new("RGBA", ink.size, (*paper, 255))
        laid.alpha_composite(ink)
        direct = Image.fromarray(rendered(style, paper)).convert("RGB")
        assert np.abs(np.asarray(laid.convert("RGB")).astype(int) - np.asarray(direct)).max() <= 1


def test_bare_paper_is_transparent_and_ink_is_not() -> None:
    picture = rendered("draw", None)
    assert picture[..., 3].min() == 0
    assert picture[..., 3].max() > 250
    assert not picture[..., :3].any()


@pytest.mark.parametrize("style", ["draw", "sketch"])
def test_a_colour_lies_below_the_ink(style: str) -> None:
    picture = rendered(style, (200, 30, 90))
    assert tuple(picture[5, 5]) == (200, 30, 90)
    assert picture.max(axis=2).min() < 40


@every_style
@pytest.mark.parametrize(
    ("background", "image_format"),
    [pair for pair in itertools.product(PAPERS, ("png", "jpeg", "webp")) if pair != (None, "jpeg")],
)
def test_files_are_what_they_say_and_say_nothing_else(style: str, background: Colour | None, image_format: str) -> None:
    picture = rendered(style, background)
    data = encode(picture, image_format)
    image = decoded(data)
    assert image.format == image_format.upper()
    assert image.size == (300, 300)
    assert set(image.info) <= {
        "jfif",
        "jfif_version",
        "jfif_unit",
        "jfif_density",
        "loop",
        "background",
        "timestamp",
        "duration",
    }
    assert not image.getexif()
    assert data == encode(picture.copy(), image_format)
    if image_format == "png":
        assert np.array_equal(np.asarray(image), picture)


@pytest.mark.parametrize("paper", [WHITE, (200, 30, 90), None], ids=str)
def test_an_svg_shows_what_the_png_shows(paper: Colour | None) -> None:
    picture = Image.fromarray(rendered("draw", paper)).convert("RGBA")
    svg = encode(rendered("draw", paper), "svg").decode()
    shown = decoded(bytes(resvg_py.svg_to_bytes(svg_string=svg))).convert("RGBA")
    assert shown.size == picture.size
    similarity = structural_similarity(np.asarray(shown), np.asarray(picture), data_range=255, channel_axis=2)
    assert similarity >= 0.95
    assert shown.getpixel((5, 5)) == ((*paper, 255) if paper else (0, 0, 0, 0))


@pytest.mark.parametrize("image_format", ["jpeg", "webp"])
def test_lossy_files_look_as_the_picture(image_format: str) -> None:
    picture = rendered("composite")
    seen = np.asarray(decoded(encode(picture, image_format)).convert("RGB")).astype(int)
    assert np.abs(seen - picture).mean() < 3


@pytest.mark.parametrize("style", ["draw", "sketch"])
@every_background
def test_a_large_drawing_is_a_file_of_sensible_size(style: str, background: Colour | None) -> None:
    photo = cv2.resize(sitter.photo(512), (2048, 2048), interpolation=cv2.INTER_CUBIC)
    picture = render(photo, sitter.lines(512), Options(style=style, background=background))
    # strokes and grain fill the person
    assert len(encode(picture, "png")) < (3_000_000 if style == "sketch" else 1_500_000)
    assert style == "sketch" or len(encode(picture, "svg")) < 600_000
