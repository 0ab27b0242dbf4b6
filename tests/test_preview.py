"""The page shows every kind of picture that the server gives."""

import base64

from handler.options import MEDIA_TYPES
from handler.postprocess import encode
from handler.styles import Mix, draw
from tests.tools import sitter
from web.preview import preview


def test_every_kind_of_picture_has_a_preview() -> None:
    drawn = draw(sitter.photo(96), sitter.lines(96), Mix())
    for kind in MEDIA_TYPES:
        shown = preview(encode(drawn, kind))
        assert (shown.width, shown.height) == (96, 96)
        assert shown.url.startswith("data:image/")


def test_an_svg_is_shown_as_it_is() -> None:
    svg = encode(draw(sitter.photo(96), sitter.lines(96), Mix()), "svg")
    assert base64.b64decode(preview(svg).url.removeprefix("data:image/svg+xml;base64,")) == svg
