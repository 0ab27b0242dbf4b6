"""The page shows every kind of picture that the server gives."""

import base64

from handler.arrays import Picture
from handler.options import MEDIA_TYPES, Options
from handler.postprocess import encode, render
from tests.tools import sitter
from web.preview import preview


def drawn_sitter() -> Picture:
    return render(sitter.photo(96), sitter.lines(96), Options())


def test_every_kind_of_picture_has_a_preview() -> None:
    drawn = drawn_sitter()
    for kind in MEDIA_TYPES:
        shown = preview(encode(drawn, kind))
        assert (shown.width, shown.height) == (96, 96)
        assert shown.url.startswith("data:image/")


def test_an_svg_is_shown_as_it_is() -> None:
    svg = encode(drawn_sitter(), "svg")
    assert base64.b64decode(preview(svg).url.removeprefix("data:image/svg+xml;base64,")) == svg
