"""The mark in a picture that the client has saved: other programs read it, and no pixel changes for it."""

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from handler.postprocess import ENCODERS
from portrait_client.mark import Mark, checksum, choices, mark_of, marked, read_mark
from portrait_client.options import Options
from portrait_client.picture import Picture, content_type_of
from tests.tools.portraits import portrait

RGB = portrait(1)
TRANSPARENT = np.dstack([RGB, RGB[..., :1]])
MARK = Mark("weights--by- --> whom 0123456789ab", checksum("photo.jpg"), {"style": "draw", "background": "#ffeedd"})
KINDS = ["png", "jpeg", "webp", "transparent webp", "transparent png"]


def encoded(kind: str) -> Picture:
    pixels = TRANSPARENT if kind.startswith("transparent") else RGB
    data = ENCODERS[kind.split()[-1]](pixels)
    return Picture(data, content_type_of(data) or "")


@pytest.mark.parametrize("kind", KINDS)
def test_other_programs_read_the_mark_and_see_the_same_pixels(kind: str) -> None:
    picture = encoded(kind)
    file = marked(picture, MARK)
    with Image.open(io.BytesIO(picture.data)) as before, Image.open(io.BytesIO(file)) as after:
        assert (after.mode, after.format) == (before.mode, before.format)
        assert np.array_equal(np.asarray(before), np.asarray(after))
        software = after.info["Software"] if after.format == "PNG" else after.getexif()[0x0131]
    assert software == MARK.text().decode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_mark_is_read_back(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(kind).data)
    assert read_mark(path) is None
    path.write_bytes(marked(encoded(kind), MARK))
    assert read_mark(path) == MARK


def test_a_webp_that_is_extended_already_stays_whole() -> None:
    file = io.BytesIO()
    Image.fromarray(TRANSPARENT).save(file, "WEBP", quality=80)  # lossy with transparency: VP8X
    picture = Picture(file.getvalue(), "image/webp")
    assert b"VP8X" in picture.data[:20]
    with Image.open(io.BytesIO(marked(picture, MARK))) as after, Image.open(file) as before:
        assert after.getexif()[0x0131] == MARK.text().decode()
        assert np.array_equal(np.asarray(before), np.asarray(after))


def test_an_svg_has_a_comment_and_is_well_formed(tmp_path: Path) -> None:
    data = ENCODERS["svg"](RGB[..., 0])
    file = marked(Picture(data, "image/svg+xml"), MARK)
    assert content_type_of(file) == "image/svg+xml"
    assert ElementTree.canonicalize(file.decode()) == ElementTree.canonicalize(data.decode())
    (tmp_path / "a.svg").write_bytes(file)
    assert read_mark(tmp_path / "a.svg") == MARK


def test_what_is_usual_is_no_choice() -> None:
    assert choices(Options("draw", size="native", format="png", background="white")) == choices(Options()) == {}
    assert choices(Options("sketch", scene="keep")) == {"style": "sketch", "scene": "keep"}


def test_nothing_of_the_photo_is_in_a_mark_but_a_checksum_of_its_name() -> None:
    mark = mark_of(Picture(b"", "image/png", weights="w"), "anna at home.jpg", Options("sketch", size=300))
    assert mark == Mark("w", checksum("anna at home.jpg"), {"style": "sketch", "size": "300"})
    assert b"anna" not in mark.text()


@pytest.mark.parametrize(
    "data", [b"", b'Portrait drawing {"weights":}}', b'Portrait drawing {"weights":1}}', b"x" * 9999]
)
def test_what_is_no_mark_is_none(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(data)
    assert read_mark(tmp_path / "a.png") is None
    assert read_mark(tmp_path / "absent.png") is None
    assert read_mark(tmp_path) is None
