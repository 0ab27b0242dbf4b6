import resource

import numpy as np
import pytest
from PIL import Image

from handler.decode import Limits, decode
from handler.errors import RequestError
from tests.tools.hostile import BAD, EITHER, GOOD, HUGE, encoded, jpeg, picture
from tests.tools.shared import needs_shared, shared

CORPUS = shared("corpus")
needs_corpus = needs_shared("corpus")


def status(data: bytes, limits: Limits = Limits()) -> int:
    """200, or the status that `data` is refused with."""
    try:
        photo = decode(data, limits)
    except RequestError as error:
        assert error.message.startswith("photo: ")
        return int(error.status)
    assert photo.dtype == np.uint8 and photo.ndim == 3 and photo.shape[2] == 3
    return 200


@pytest.mark.parametrize("name", GOOD)
def test_odd_but_legal_photos_are_taken(name: str) -> None:
    assert status(GOOD[name]()) == 200


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_whole_photo_is_refused(name: str) -> None:
    assert status(BAD[name]()) == 400


@pytest.mark.parametrize("name", HUGE)
def test_too_much_is_refused_before_it_is_decoded(name: str) -> None:
    data = HUGE[name]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert status(data) == 413
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


@pytest.mark.parametrize("name", EITHER)
def test_text_bombs_do_no_harm(name: str) -> None:
    assert status(EITHER[name]()) in (200, 400)


def test_limits_are_the_operators() -> None:
    photo = encoded(picture(100, 100), "PNG")
    assert status(photo, Limits(megapixels=0.01)) == 200
    assert status(photo, Limits(megapixels=0.0099)) == 413
    assert status(photo, Limits(megabytes=len(photo) / 1e6)) == 200
    assert status(photo, Limits(megabytes=(len(photo) - 1) / 1e6)) == 413


def test_transparent_png_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    clear.putpixel((0, 0), (255, 0, 0, 255))
    photo = decode(encoded(clear, "PNG"), Limits())
    assert photo[0, 0].tolist() == [255, 0, 0]
    assert (photo[1:] == 255).all()


def test_16_bits_keep_their_shades() -> None:
    photo = decode(GOOD["16-bit png"](), Limits())
    assert len(np.unique(photo)) == 256


@pytest.mark.parametrize("mode", ["CMYK", "L", "P", "LA", "RGBA", "1"])
def test_every_mode_becomes_the_same_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    expected = np.asarray(picture(mode=mode).convert("RGB"), np.int16)
    difference = np.abs(decode(encoded(picture(mode=mode), kind), Limits()) - expected)
    assert difference.mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = np.asarray(picture(), np.int16)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored, np.uint8))
    for kind in ("PNG", "WEBP"):
        photo = decode(encoded(image, kind, exif=exif, lossless=True), Limits())
        assert (photo == upright).all()


def test_a_large_jpeg_is_decoded_no_larger_than_asked() -> None:
    large = encoded(picture(2000, 1500), "JPEG")
    assert decode(large, Limits()).shape == (1500, 2000, 3)
    assert decode(large, Limits(), side=500).shape == (375, 500, 3)
    assert decode(large, Limits(), side=501).shape == (750, 1000, 3)
    assert decode(jpeg(), Limits(), side=5000).shape == (72, 96, 3)


@needs_corpus
def test_every_whole_png_of_the_suite_is_taken_and_every_broken_one_refused() -> None:
    expected = {path: 400 if path.name[0] == "x" else 200 for path in CORPUS.glob("pngsuite/*.png")}
    assert len(expected) > 150
    assert {path: status(path.read_bytes()) for path in expected} == expected


@needs_corpus
@pytest.mark.parametrize("view", ["Landscape", "Portrait"])
def test_photos_of_every_orientation_are_the_same_picture(view: str) -> None:
    photos = [decode((CORPUS / "exif_orientation" / f"{view}_{i}.jpg").read_bytes(), Limits()) for i in range(9)]
    for photo in photos:
        assert photo.shape == photos[0].shape
        assert np.abs(photo.astype(np.int16) - photos[0]).mean() < 5


@needs_corpus
def test_odd_files_have_their_status() -> None:
    broken = ("broken.png", "truncated_image.png", "truncated_jpeg.jpg", "ultrahdr.jpg")
    for path in CORPUS.glob("odd/*.*"):
        expected = {400} if path.name in broken else {200}
        if "decompression" in path.name:
            expected = {400, 413}
        assert status(path.read_bytes()) in expected, path.name
