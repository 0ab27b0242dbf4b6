import base64
import json

import pytest
from PIL import Image

from handler.decode import Limits, decode
from handler.errors import RequestError
from handler.kinds import other_kind
from tests.tools.hostile import BAD, GOOD, encoded, jpeg, picture

NAMED = {
    "a PDF": b"%PDF-1.7\n",
    "PostScript": BAD["eps"](),
    "a TIFF": encoded(picture(), "TIFF"),
    "a camera's raw photo": b"II*\0\x10\0\0\0CR\x02\0" + bytes(64),
    "a camera's raw photo (DNG)": b"II*\0\x08\0\0\0\x01\0\x12\xc6\x01\0\x04\0\0\0\x01\x04\0\0" + bytes(64),
    "a BMP": encoded(picture(), "BMP"),
    "a Photoshop file": BAD["psd"](),
    "a JPEG XL": b"\xff\x0a\xfa\x1f\x41" + bytes(64),
    "a JPEG 2000": BAD["jpeg 2000"](),
    "an icon": encoded(picture(), "ICO"),
    "a video": BAD["mp4"](),
    "a ZIP archive, or a document that is one inside": BAD["zip"](),
    "an archive": b"\x1f\x8b\x08\0" + bytes(64),
    "an SVG drawing": BAD["svg"](),
    "an HTML page": b"\n <!DOCTYPE html><img src=photo.jpg>",
    "an address": b"https://example.org/photo.jpg",
    "base64 text": base64.b64encode(jpeg()),
    "a data URL": b"data:image/jpeg;base64," + base64.b64encode(jpeg()),
    "JSON": json.dumps({"photo": "x"}).encode(),
}


@pytest.mark.parametrize("name", NAMED)
def test_what_is_no_photo_is_named_with_what_to_do(name: str) -> None:
    with pytest.raises(RequestError) as caught:
        decode(NAMED[name], Limits())
    assert caught.value.status == 400
    assert caught.value.message.startswith(f"photo: this is {name}; ")
    assert len(caught.value.message) < 160


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "a video"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81", "a video"),
        (b'<?xml version="1.0"?>\n<!-- drawn by hand -->\n<svg width="9">', "an SVG drawing"),
        (BAD["svg with an entity"](), "an SVG drawing"),
        (b"iVBORw0KGgoAAAANSUhEUgAA\nAAUA", "base64 text"),
        (base64.b64encode(GOOD["heic"]()), "base64 text"),
        (b'[{"data": 1}]', "JSON"),
    ],
)
def test_kinds_are_told_in_their_other_forms(data: bytes, name: str) -> None:
    assert (other_kind(data) or "").startswith(f"this is {name}; ")


@pytest.mark.parametrize("name", GOOD)
def test_no_photo_is_taken_for_anything_else(name: str) -> None:
    assert other_kind(GOOD[name]()) is None


def test_nothing_is_said_of_bytes_that_nobody_knows() -> None:
    assert other_kind(b"no photo") is None
    assert other_kind(b"") is None
    assert other_kind(Image.new("L", (9, 9)).tobytes()) is None
