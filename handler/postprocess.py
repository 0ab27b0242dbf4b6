"""A line map -> a picture at the photo's size -> encoded bytes."""

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from handler.arrays import LineMap, Mask, Photo, Picture, View
from handler.enlarge import enlarge
from handler.option import Colour
from handler.options import WHITE, Options
from handler.person import settled, widened
from handler.styles import STYLES, Mix
from handler.vector import vector


def render(
    photo: Photo, lines: LineMap, options: Options, person: Mask | None = None, seen: View | None = None
) -> Picture:
    """Lay the style that was asked for on its paper: uint8 (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA.

    Of the photo (uint8 (H, W, 3) RGB), its line map (float32 (h, w) in [0, 1]) and, where the scene is to be left out,
    the mask of whoever was found (float32 (H, W) in [0, 1]) and the part of the photo that the line map is of.
    """
    lines = _placed(lines, photo.shape[:2], seen)
    if options.scene == "remove":
        kept = settled(person, lines)
        lines = 1 - widened(kept) * (1 - lines)  # ghosts beside the person go
    else:
        kept = np.ones_like(lines)
    drawn = STYLES[options.style](photo, lines, kept, Mix(options.alpha, options.sigma))
    return _laid(drawn, options.background)


def _placed(lines: LineMap, size: tuple[int, int], seen: View | None) -> LineMap:
    """(h, w) -> (H, W), which is `size`; around the part that was seen the paper is bare."""
    if seen is None:
        return enlarge(lines, size)
    left, top, right, bottom = seen
    placed = np.ones(size, np.float32)
    placed[top:bottom, left:right] = enlarge(lines, (bottom - top, right - left))
    return placed


def encode(picture: Picture, image_format: str) -> bytes:
    """Encode a picture as `render` gives it, in one of `ENCODERS`, without metadata.

    The same picture gives the same bytes. A JPEG has no transparency, an SVG nothing but ink and paper.
    """
    return ENCODERS[image_format](picture)


def _png(picture: Picture) -> bytes:
    # of all zlib settings these made the smallest drawings but one, at half that one's time
    settings = [
        cv2.IMWRITE_PNG_STRATEGY,
        cv2.IMWRITE_PNG_STRATEGY_RLE,
        cv2.IMWRITE_PNG_FILTER,
        cv2.IMWRITE_PNG_FILTER_UP,
    ]
    return _encoded(".png", picture, settings)


def _jpeg(picture: Picture) -> bytes:
    return _encoded(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])


def _webp(picture: Picture) -> bytes:
    """Lossy on paper; transparent ink is kept exactly, as its lossy kind is slower and hardly smaller."""
    file = io.BytesIO()
    transparent = picture.shape[2:] == (4,)
    settings = {"lossless": True, "quality": 0, "method": 0} if transparent else {"quality": 90, "method": 2}
    Image.fromarray(picture).save(file, "WEBP", **settings)
    return file.getvalue()


def _svg(picture: Picture) -> bytes:
    if picture.ndim == 2:
        return vector(picture, "#ffffff")
    if picture.shape[2] == 4:
        return vector(255 - picture[..., 3], None)
    # a line map reaches from 0 to 1, so the lightest pixel is bare paper
    paper = picture.reshape(-1, 3).max(axis=0)
    clearest = int(paper.argmax())
    drawing = cv2.convertScaleAbs(picture[..., clearest], alpha=255 / max(int(paper[clearest]), 1))
    return vector(drawing, f"#{bytes(paper).hex()}")


ENCODERS: dict[str, Callable[[Picture], bytes]] = {"png": _png, "jpeg": _jpeg, "webp": _webp, "svg": _svg}


def _encoded(extension: str, picture: Picture, settings: list[int]) -> bytes:
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, _TO_BGR[picture.shape[2]])
    return cv2.imencode(extension, picture, settings)[1].tobytes()


_TO_BGR = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


def _laid(picture: Picture, paper: Colour | None) -> Picture:
    """Paper of that colour below the picture, or none: the picture is transparent then."""
    if paper is None:
        # black ink, (H, W) -> (H, W, 4): as opaque as it is dark
        return picture if picture.ndim == 3 else cv2.merge([np.zeros_like(picture)] * 3 + [255 - picture])
    if picture.ndim == 2:
        return picture if paper == WHITE else _tinted(picture, paper)
    colour, cover = picture[..., :3], cv2.merge([picture[..., 3]] * 3)
    return cv2.add(cv2.multiply(colour, cover, scale=1 / 255),
                   cv2.multiply(255 - cover, np.full_like(cover, paper), scale=1 / 255))  # fmt: skip


def _tinted(gray: Picture, paper: Colour) -> Picture:
    levels = np.arange(256)[:, None] * np.array(paper) / 255
    return cv2.LUT(cv2.merge([gray] * 3), np.round(levels).astype(np.uint8)[None])
