"""A drawing -> SVG: its ink as one path, for plotters, cutters and prints of any size.

Traced by vtracer (github.com/visioncortex/vtracer, MIT). Only the outlines are taken from what it writes: as one path,
areas sorted from top to bottom, in whole tenths of a pixel relative to the point before, which halves the file.
"""

import re
from collections.abc import Iterator

import cv2
import numpy as np
import vtracer

from handler.arrays import Gray

_SIDE = 2048  # pixels of the long side at which is traced: edges of small drawings are found between their pixels
_INK = 128  # of 255; darker is ink
_TRACING = {
    "colormode": "binary",
    "mode": "spline",
    "filter_speckle": 3,  # ink of fewer than 3 x 3 pixels is dropped
    "path_precision": 1,
}
_AREA = re.compile(r'<path d="([^"]+)"[^>]*transform="translate\(([-0-9.]+),([-0-9.]+)\)"')


def vector(drawing: Gray, paper: str | None) -> bytes:
    """Return the ink of a drawing (uint8 (H, W), 0 ink and 255 paper) as SVG, on paper of that colour or on none.

    The view box is the drawing's size. The same drawing gives the same bytes.
    """
    height, width = drawing.shape
    traced = _at_side(drawing)
    scale = f"{width / traced.shape[1] / 10:.6g} {height / traced.shape[0] / 10:.6g}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    sheet = f'<rect width="{width}" height="{height}" fill="{paper}"/>' if paper else ""
    return f'{head}{sheet}<path transform="scale({scale})" d="{"".join(_outlines(traced))}"/></svg>\n'.encode()


def _at_side(drawing: Gray) -> Gray:
    """Return the drawing with a long side of `_SIDE`."""
    scale = _SIDE / max(drawing.shape)
    height, width = (max(1, round(side * scale)) for side in drawing.shape)
    return cv2.resize(drawing, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _outlines(drawing: Gray) -> Iterator[str]:
    """Yield the outlines of each area of ink, its holes included."""
    two_levels = cv2.threshold(drawing, _INK - 1, 255, cv2.THRESH_BINARY)[1]
    png = cv2.imencode(".png", two_levels)[1].tobytes()
    traced = vtracer.convert_raw_image_to_svg(png, img_format="png", **_TRACING)
    areas = [(float(y), float(x), outlines) for outlines, x, y in _AREA.findall(traced)]
    for y, x, outlines in sorted(areas):
        yield from (_outline(outline, (x, y)) for outline in outlines.split("Z") if outline.strip())


def _outline(outline: str, offset: tuple[float, float]) -> str:
    """`M x y C x y x y x y C ...`, moved by the offset -> `Mx yc...z` in tenths, each curve relative to its start."""
    points = np.array(outline.replace("M", " ").replace("C", " ").split(), float).reshape(-1, 2)
    tenths = np.round((points + offset) * 10).astype(int)
    curves = tenths[1:].reshape(-1, 3, 2)  # two control points and the end
    starts = np.vstack([tenths[:1], curves[:-1, 2]])
    relative = " ".join(map(str, (curves - starts[:, None]).ravel().tolist()))
    x, y = tenths[0]
    return f"M{x} {y}c{relative}z".replace(" -", "-")
