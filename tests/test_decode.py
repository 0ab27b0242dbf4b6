import resource
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handler.decode import Limits, decode
from handler.errors import RequestError
from tests.tools.heif_files import heic, mirrored, turned
from tests.tools.hostile import BAD, EITHER, GOOD, HUGE, encoded, jpeg, picture
from tests.tools.shared import needs_shared, shared

CORPUS, CASES = shared("corpus"), shared("cases")
needs_corpus, needs_cases = needs_shared("corpus"), needs_shared("cases")


def status(data: bytes, limits: Limits = Limits()) -> int:
    """200, or the status that `data` is refused with."""
    try:
        photo = decode(data, limits)
    except RequestError as refused:
        message, answered = refused.message, int(refused.status)
    else:
        assert photo.dtype == np.uint8
        assert photo.shape[2:] == (3,)
        return 200
    assert message.startswith("photo: ")
    return answered


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
    broken = ("broken.png", "truncated_image.png", "ultrahdr.jpg")  # the last is cut; truncated_jpeg.jpg lacks its end
    for path in CORPUS.glob("odd/*.*"):
        expected = {400} if path.name in broken else {200}
        if "decompression" in path.name:
            expected = {400, 413}
        assert status(path.read_bytes()) in expected, path.name


def test_a_photo_without_its_end_mark_is_the_whole_photo() -> None:
    for whole, mark in ((jpeg(), 2), (jpeg(progressive=True), 2), (encoded(picture(), "PNG"), 12)):
        assert (decode(whole[:-mark], Limits()) == decode(whole, Limits())).all()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_lacks_more_than_its_end_mark_is_refused(options: dict[str, Any], mode: str) -> None:
    data = encoded(picture(mode=mode), "JPEG", quality=90, **options)[:-2]
    whole, refused = decode(data, Limits()), 0
    for cut in (1, 2, 3, 5, 9, 50, 200):
        try:
            photo = decode(data[:-cut], Limits())
        except RequestError:
            refused += 1
        else:  # what was cut off said nothing
            assert (photo == whole).all()
            assert cut == 1
    assert refused >= 6


def test_a_progressive_jpeg_without_its_last_scan_is_refused() -> None:
    data = jpeg(progressive=True)
    assert status(data[: data.rindex(b"\xff\xda")]) == 400


def test_a_photo_that_ends_in_gray_is_whole() -> None:
    assert status(encoded(Image.new("RGB", (64, 64), (128, 128, 128)), "JPEG")) == 200


def test_a_heic_is_turned_as_its_container_says() -> None:
    upright = decode(heic(), Limits())
    assert (decode(heic(properties=(turned(1),)), Limits()) == np.rot90(upright)).all()
    assert (decode(heic(properties=(mirrored(1),)), Limits()) == upright[:, ::-1]).all()
    assert np.abs(upright.astype(np.int16) - np.asarray(picture(), np.int16)).mean() < 2


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_an_avif_is_turned_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation  # Pillow writes it into the container, and EXIF as well
    turned_back = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(picture()), turned_back)))
    photo = decode(encoded(stored, "AVIF", exif=exif, quality=100, subsampling="4:4:4"), Limits())
    assert np.abs(photo.astype(np.int16) - np.asarray(picture(), np.int16)).max() < 8


def test_a_jpeg_above_the_limit_is_decoded_smaller_where_all_of_it_is_asked_for() -> None:
    data = encoded(picture(1001, 751), "JPEG")
    assert decode(data, Limits(megapixels=0.8)).shape == (751, 1001, 3)
    assert decode(data, Limits(megapixels=0.7)).shape == (376, 501, 3)
    assert status(data, Limits(megapixels=0.01)) == 413
    assert status(data, Limits(jpeg_megapixels=0.7)) == 413


@needs_cases
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("icc_display_p3.png", "reference_srgb.png"),
        ("icc_linear.png", "reference_srgb.png"),
        ("gray16_page_preview_white.png", "reference_gray.png"),
        ("jpeg_without_eoi.jpg", "reference.jpg"),
    ],
)
def test_cases_look_like_their_reference(name: str, reference: str) -> None:
    photo, expected = (decode((CASES / file).read_bytes(), Limits()).astype(np.int16) for file in (name, reference))
    assert np.abs(photo - expected).max() <= 3


@needs_cases
def test_a_transparent_colour_of_16_bits_becomes_white() -> None:
    photo = decode((CASES / "rgb16_colour_key.png").read_bytes(), Limits())
    expected = decode((CASES / "reference_srgb.png").read_bytes(), Limits())
    paper = (photo == 255).all(axis=2)
    assert 0.4 < paper.mean() < 0.6
    assert paper[0, 0]
    assert paper[-1, -1]
    assert (photo[~paper] == expected[~paper]).all()


@needs_cases
def test_the_cases_of_cost_are_answered_by_their_header() -> None:
    assert status((CASES / "cost_scans_49mp.jpg").read_bytes()) == 400
    assert status((CASES / "phone_8160x6144.png").read_bytes()) == 200


def test_an_avif_coded_larger_than_it_states_is_refused() -> None:
    data = bytearray(encoded(Image.new("L", (3000, 2000), 120), "AVIF", speed=10))
    stated = data.index(b"ispe") + 8
    data[stated : stated + 8] = (96).to_bytes(4, "big") + (72).to_bytes(4, "big")
    with pytest.raises(RequestError, match="far more pixels than the file states"):
        decode(bytes(data), Limits())
