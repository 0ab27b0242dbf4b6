"""Pictures as data URLs, small enough for a phone's connection."""

import base64
import io
import re
from typing import NamedTuple

from PIL import Image, ImageOps

_SVG_SIZE = re.compile(rb"<svg [^>]*width=\"(\d+)\" height=\"(\d+)\"")
LONGEST = 1400  # pixels: a large stage on a sharp screen


class Preview(NamedTuple):
    """A picture at a size for looking at."""

    url: str
    width: int
    height: int


def preview(data: bytes) -> Preview:
    """Turn an encoded picture upright, at most `LONGEST` pixels long; an SVG has every size already."""
    if vector := _SVG_SIZE.match(data):
        width, height = map(int, vector.groups())
        return Preview(_url("image/svg+xml", data), width, height)
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (LONGEST, LONGEST))
        image.thumbnail((2 * LONGEST, 2 * LONGEST), Image.Resampling.BOX)
        upright = ImageOps.exif_transpose(image)
    upright.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    upright.convert("RGBA" if upright.has_transparency_data else "RGB").save(file, "WEBP", quality=88)
    return Preview(_url("image/webp", file.getvalue()), *upright.size)


def _url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
