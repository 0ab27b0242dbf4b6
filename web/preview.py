"""Pictures as data URLs, small enough for a phone's connection."""

import base64
import io
from typing import NamedTuple

from PIL import Image, ImageOps

LONGEST = 1400  # pixels: a large stage on a sharp screen


class Preview(NamedTuple):
    """A picture at a size for looking at."""

    url: str
    width: int
    height: int


def preview(data: bytes) -> Preview:
    """Turn an encoded picture upright, at most `LONGEST` pixels long."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (LONGEST, LONGEST))
        image.thumbnail((2 * LONGEST, 2 * LONGEST), Image.Resampling.BOX)
        upright = ImageOps.exif_transpose(image)
    upright.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    upright.convert("RGBA" if upright.has_transparency_data else "RGB").save(file, "WEBP", quality=88)
    return Preview(f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}", *upright.size)
