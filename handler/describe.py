"""What a model offers, as data: for `GET /models/portrait?customized=true`."""

from dataclasses import asdict, fields
from typing import Any

from handler.inference import LineDrawer
from handler.options import BACKGROUNDS, FORMATS, FRAMES, LARGEST_SIDE, SMALLEST_SIDE, Options
from handler.preprocess import NATIVE_LONG_SIDE
from handler.settings import Settings
from handler.styles import STYLES


def describe(drawer: LineDrawer, settings: Settings) -> dict[str, Any]:
    """Options with their values and defaults, limits, and the weights that draw."""
    values: dict[str, Any] = {
        "style": list(STYLES),
        "frame": list(FRAMES),
        "size": ["native", {"from": SMALLEST_SIDE, "to": LARGEST_SIDE}],
        "format": list(FORMATS),
        "background": [*BACKGROUNDS, "#rrggbb"],
        "alpha": [{"from": 0, "to": 1}],
        "sigma": [{"from": 0, "to": 50}],
    }
    defaults = {field.name: field.default for field in fields(Options)} | {"size": "native"}
    return {
        "styles": list(STYLES),
        "options": {name: {"values": values[name], "default": default} for name, default in defaults.items()},
        "limits": {
            "megabytes": settings.megabytes,
            "megapixels": settings.megapixels,
            "native_long_side": NATIVE_LONG_SIDE,
        },
        "weights": asdict(drawer.info) | {"computes_in": drawer.precision},
    }
