"""What a model offers, as data: for `GET /models/portrait?customized=true`."""

from dataclasses import asdict
from typing import Any

from handler.finders import Finders
from handler.inference import LineDrawer
from handler.option import Follows, Option
from handler.options import NATIVE_LONG_SIDE, OPTIONS
from handler.settings import Settings


def describe(drawer: LineDrawer, finders: Finders, settings: Settings) -> dict[str, Any]:
    """Options with their values and defaults, limits, the weights that draw, and the models that find people."""
    return {
        "styles": list(OPTIONS["style"].names),
        "options": {name: _told(option) for name, option in OPTIONS.items()},
        "limits": {
            "megabytes": settings.megabytes,
            "megapixels": settings.megapixels,
            "jpeg_megapixels": settings.jpeg_megapixels,
            "native_long_side": NATIVE_LONG_SIDE,
        },
        "weights": asdict(drawer.info) | {"computes_in": drawer.precision},
        "finders": finders.describe(),
    }


def _told(option: Option) -> dict[str, Any]:
    default = option.default._asdict() if isinstance(option.default, Follows) else option.default
    return {"values": [*option.names, *([option.pattern.shape] if option.pattern else [])], "default": default}
