"""Colour spaces that a file names by numbers -> ICC profiles, so that one engine converts all colours.

A matrix and three curves, as ICC.1:2001-04 (https://www.color.org/icc_specs2.xalter) describes the
"three-component matrix-based input profile".
"""

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # level -> light, both in [0, 1]
Chromaticities = tuple[float, float, float, float, float, float, float, float]  # x, y of white, red, green, blue

# Colour primaries and white of ITU-T H.273, table 2, by their number there; 1 is sRGB's.
D65 = (0.3127, 0.3290)
PRIMARIES: dict[int, Chromaticities] = {
    1: (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # DCI P3
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # Display P3
}
SRGB_PRIMARIES = PRIMARIES[1]

# The white that ICC profiles are relative to, and Bradford's cones, in which a white is adapted (ICC.1, annex E).
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_CURVE_ENTRIES = 4096
_PAPER_WHITE = 203  # cd/m2 of white paper in HDR pictures, ITU-R BT.2408; what is brighter is cut off


def gamma_curve(exponent: float) -> Curve:
    """Return light = level ** exponent."""
    return lambda level: level**exponent


def srgb_curve(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1."""
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def _pq_curve(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084, relative to white paper."""
    root = level ** (32 / 2523)
    light = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
    return np.minimum(light ** (8192 / 1305) * 10_000 / _PAPER_WHITE, 1)


def _hlg_curve(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """ARIB STD-B67 for a display of 1000 cd/m2, relative to white paper, which is at a level of 0.75."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(level <= 0.5, level**2 / 3, (np.exp((level - c) / a) + b) / 12)
    return np.minimum((scene**1.2) * 1000 / _PAPER_WHITE, 1)


# Transfer characteristics of ITU-T H.273, table 3; all others are those of displays that sRGB describes.
TRANSFERS: dict[int, Curve] = {
    4: gamma_curve(2.2),
    5: gamma_curve(2.8),
    8: gamma_curve(1.0),
    16: _pq_curve,
    18: _hlg_curve,
}


def make_profile(chromaticities: Chromaticities, curve: Curve) -> bytes:
    """Return the ICC profile of an RGB space. Raises `ValueError` for primaries that span none."""
    columns = _adapted(chromaticities)
    light = np.clip(curve(np.linspace(0, 1, _CURVE_ENTRIES)), 0, 1)
    table = np.rint(light * 65535).astype(">u2").tobytes()
    tone = struct.pack(">4s4xI", b"curv", _CURVE_ENTRIES) + table
    tags = {b"desc": _text(b"desc"), b"cprt": _text(b"text"), b"wtpt": _xyz(_D50), b"rTRC": tone}
    tags |= {name: _xyz(columns[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return _assemble(tags, {b"gTRC": b"rTRC", b"bTRC": b"rTRC"})


def _adapted(chromaticities: Chromaticities) -> NDArray[np.float64]:
    """Columns are XYZ of red, green and blue, their sum D50."""
    white, *primaries = (_to_xyz(*chromaticities[i : i + 2]) for i in (0, 2, 4, 6))
    columns = np.stack(primaries, axis=1)
    try:
        columns = columns * np.linalg.solve(columns, white)
        scale = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    except np.linalg.LinAlgError as error:
        raise ValueError("the primaries lie on a line") from error
    columns = np.linalg.solve(_BRADFORD, scale[:, None] * (_BRADFORD @ columns))
    if not np.isfinite(columns).all() or np.abs(columns).max() > 4:
        raise ValueError("the primaries are no colours")
    return columns


def _to_xyz(x: float, y: float) -> NDArray[np.float64]:
    if y <= 0:
        raise ValueError(f"a chromaticity must have y > 0, got {y}")
    return np.array([x / y, 1, (1 - x - y) / y])


def _text(kind: bytes) -> bytes:
    if kind == b"text":
        return b"text\0\0\0\0none\0"
    return struct.pack(">4s4xI5s", kind, 5, b"made\0") + bytes(4 + 4 + 2 + 1 + 67)


def _xyz(value: NDArray[np.float64]) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *(round(number * 65536) for number in value))


def _assemble(tags: dict[bytes, bytes], same: dict[bytes, bytes]) -> bytes:
    """Header, table and data; tags in `same` share the data of another."""
    count = len(tags) + len(same)
    places, data = {}, b""
    for name, content in tags.items():
        places[name] = (128 + 4 + 12 * count + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    places |= {name: places[other] for name, other in same.items()}
    table = b"".join(struct.pack(">4sII", name, *place) for name, place in places.items())
    body = struct.pack(">I", count) + table + data
    head = struct.pack(">I4xI4s4s4s", 128 + len(body), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", *(round(number * 65536) for number in _D50))
    return head.ljust(128, b"\0") + body
