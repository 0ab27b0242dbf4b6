"""A drawing -> SVG: its ink as a few layers of translucent black, for prints of any size, plotters and cutters.

Layer lies on layer, the darker on the lighter, each one path that holds all that is darker than a level. One of them,
with the id `ink`, holds what is darker than half: the outlines for tools that know ink and paper only.

Levels are dense where they are frequent and the eye would see steps. With so many levels, the cube root of the
frequency is the best density (Panter and Dite, "Quantization distortion in pulse-count modulation", 1951); a pixel
counts the less, the more contrast is around it, as in SSIM (Wang et al., "Image quality assessment", IEEE TIP 2004).
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from handler.arrays import Gray, Plane
from handler.contours import Points, contours

Levels = NDArray[np.float64]  # (n,) rising, between 0 and 255

INK = 127.5  # what is darker is ink
# All are tuned on draws of eight photos at 1024 and 2048, to look as the PNG does: SSIM of 0.95.
_SIDE = 1024  # pixels of the long side at which is traced: the network's lines have no finer detail
_UNIT = 4  # of which make a pixel, in paths: whole numbers are short
_TOLERANCE, _INK_TOLERANCE = 0.5, 0.2  # pixels
_FEWEST, _MOST = 6, 20  # shades, paper among them
_LOST = 0.018  # of SSIM, that steps between layers may cost
_MOST_BYTES = 599_000  # of the paths; with more, the layers become fewer
_WINDOW = 7  # pixels on a side, of SSIM
_FLAT = (0.03 * 255) ** 2  # the constant C2 of SSIM


def vector(drawing: Gray, paper: str | None) -> bytes:
    """Return a drawing (uint8 (H, W), 0 ink and 255 paper) as SVG, on paper of that colour or on none.

    The view box is the drawing's size. The same drawing gives the same bytes.
    """
    height, width = drawing.shape
    traced = _at_side(drawing)
    scale = f"{width / traced.shape[1] / _UNIT:.6g} {height / traced.shape[0] / _UNIT:.6g}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        *([f'<rect width="{width}" height="{height}" fill="{paper}"/>'] if paper else []),
        f'<g transform="scale({scale})" fill-rule="evenodd">',
        *_layers(traced),
        "</g>",
        "</svg>",
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _at_side(drawing: Gray) -> Plane:
    """Return the drawing with a long side of `_SIDE`: float32 (h, w), 0 to 255 as it was."""
    scale = _SIDE / max(drawing.shape)
    height, width = (max(1, round(side * scale)) for side in drawing.shape)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(drawing, (width, height), interpolation=interpolation).astype(np.float32)


def _layers(drawing: Plane) -> list[str]:
    """Return a path for each layer, the lightest first: as many as look like the drawing, or as fit into the file."""
    counts = _counts(drawing)
    number = next((n for n in range(_FEWEST, _MOST) if _tones(counts, _edges(counts, n))[1] < _LOST), _MOST)
    while True:
        edges = _edges(counts, number)
        layers = list(_stacked(drawing, edges, _tones(counts, edges)[0]))
        size = sum(map(len, layers))
        if size <= _MOST_BYTES or number == 2:
            return layers
        number = max(2, min(number - 1, number * _MOST_BYTES // size))


def _stacked(drawing: Plane, edges: Levels, tones: Levels) -> Iterator[str]:
    """Yield a path for each layer, the lightest first, of those between rising edges, with their tones of 255."""
    through = 255.0  # what can be seen of white paper
    for edge, tone in zip(edges[::-1].tolist(), tones[::-1].tolist(), strict=True):
        opacity = 1 - tone / through
        through = max(tone, 1e-3)
        name, tolerance = ('id="ink" ', _INK_TOLERANCE) if edge == INK else ("", _TOLERANCE)
        yield f'<path {name}fill-opacity="{opacity:.3f}" d="{_path(contours(drawing, edge, tolerance))}"/>'


def _counts(plane: Plane) -> Levels:
    """(H, W) of 0 to 255 -> (256,): how much of SSIM an error of 1 would cost at the pixels of each level."""
    mean = cv2.blur(plane, (_WINDOW, _WINDOW))
    variance = np.maximum(cv2.blur(plane * plane, (_WINDOW, _WINDOW)) - mean * mean, 0)
    cost = 1 / (2 * variance + _FLAT) / plane.size
    return np.bincount(plane.astype(np.uint8).ravel(), cost.ravel(), minlength=256).astype(np.float64)


def _edges(counts: Levels, number: int) -> Levels:
    """Return so many levels and `INK`, each half-way between whole ones."""
    density = np.cumsum(np.cbrt(counts))
    edges = np.searchsorted(density, density[-1] * np.arange(1, number) / number) + 0.5
    return np.unique([*edges[edges < 255], INK])


def _tones(counts: Levels, edges: Levels) -> tuple[Levels, float]:
    """Return the mean level below each edge and above the one before, and what the steps between cost of SSIM."""
    levels = np.arange(256)
    step = np.searchsorted(edges, levels)  # which layer shows each level
    total, weighted = (np.bincount(step, parts, minlength=len(edges) + 1) for parts in (counts, counts * levels))
    # where no pixel is, between the edges
    tones = np.where(total > 0, weighted / np.maximum(total, 1e-12), np.append(edges, 255))
    tones[-1] = 255  # bare paper
    return tones[:-1], float((counts * (levels - tones[step]) ** 2).sum())


def _path(outlines: Iterator[Points]) -> str:
    """Polygons, each (n, 2) in pixels -> `mx y x y...z` in units, each point relative to the one before."""
    start, path = np.zeros((1, 2), int), []
    for outline in outlines:
        units = np.round(outline * _UNIT).astype(int)
        path.append("m" + " ".join(map(str, np.diff(units, axis=0, prepend=start).ravel().tolist())))
        start = units[:1]  # where `z` leads back to
    return "z".join([*path, ""]).replace(" -", "-")
