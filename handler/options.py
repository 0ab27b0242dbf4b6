"""What a client may choose: one table of parsers, one frozen result.

The README has the same table for people; a test keeps the two equal.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from handler.errors import refuse, shown
from handler.styles import STYLES

Colour = tuple[int, int, int]
Background = str | Colour

FRAMES = ("photo", "face", "stretch")
FORMATS = ("png", "jpeg", "webp")
BACKGROUNDS = ("white", "transparent")
OPAQUE_FORMATS = ("jpeg",)
STRETCH_SIDE = 512
SMALLEST_SIDE, LARGEST_SIDE = 64, 4096
HEADER_PREFIX = "portrait-"


@dataclass(frozen=True)
class Options:
    """How the picture is to be drawn."""

    style: str = "draw"  # a key of STYLES
    frame: str = "photo"  # one of FRAMES
    size: int | None = None  # long side in pixels; None: the photo's own, at most 2048
    format: str = "png"  # one of FORMATS
    background: Background = "white"  # white, transparent or (red, green, blue) of 0 to 255
    alpha: float = 0.5  # composite: share of the photo, 0 to 1
    sigma: float = 20.0  # composite: blur of the photo in pixels at 512, 0 to 50


def _choice(*names: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.lower() not in names:
            raise ValueError(f"must be {_either(names)}")
        return value.lower()

    return parse


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        number = float(value) if re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+", value) else math.nan
        if not low <= number <= high:
            raise ValueError(f"must be a number from {low:g} to {high:g}")
        return number

    return parse


def _size(value: str) -> int | None:
    if value.lower() == "native":
        return None
    side = int(value) if re.fullmatch(r"[0-9]{1,5}", value) else 0
    if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
        raise ValueError(f"must be native or {SMALLEST_SIDE} to {LARGEST_SIDE}")
    return side


def _background(value: str) -> Background:
    if value.lower() in BACKGROUNDS:
        return value.lower()
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError(f"must be {_either((*BACKGROUNDS, '#rrggbb'))}")
    red, green, blue = bytes.fromhex(value[1:])
    return red, green, blue


PARSERS: dict[str, Callable[[str], Any]] = {
    "style": _choice(*STYLES),
    "frame": _choice(*FRAMES),
    "size": _size,
    "format": _choice(*FORMATS),
    "background": _background,
    "alpha": _number(0, 1),
    "sigma": _number(0, 50),
}


def parse_options(headers: Mapping[str, str], fields: Mapping[str, str]) -> Options:
    """A request's headers (names in any case) and fields -> its options.

    A field beats the header of the same meaning; without a format, `Accept` decides. Raises
    `RequestError` (400) for an unknown field or `Portrait-` header, a value out of its range, and
    options that do not go together.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    given = {
        name.removeprefix(HEADER_PREFIX): value for name, value in lowered.items() if name.startswith(HEADER_PREFIX)
    }
    given |= fields
    values = {name: _parse(name, value) for name, value in given.items()}
    options = Options(**values)
    if "format" not in given:
        options = Options(**values | {"format": _negotiate(lowered.get("accept", ""), options)})
    _check_fit(options, given)
    return options


def _parse(name: str, value: str) -> Any:
    if name not in PARSERS:
        refuse(f"{shown(name)}: unknown option; known are {', '.join(PARSERS)}")
    try:
        return PARSERS[name](value.strip())
    except ValueError as error:
        refuse(f"{name}: {error}, got {shown(value)}")


def _check_fit(options: Options, given: Mapping[str, str]) -> None:
    for name in ("alpha", "sigma"):
        if name in given and options.style != "composite":
            refuse(f"{name}: only fits style composite, got style {options.style}")
    if options.background == "transparent" and options.format in OPAQUE_FORMATS:
        refuse(f"background: transparent needs format png or webp, got {options.format}")
    if options.frame == "stretch" and options.size not in (None, STRETCH_SIDE):
        refuse(f"size: frame stretch is always {STRETCH_SIDE}, got {options.size}")


def _negotiate(accept: str, options: Options) -> str:
    """The format that `Accept` likes best; PNG when it names none that fits."""
    ranges = [_media_range(item) for item in accept.split(",") if item.strip()]
    opaque = options.background != "transparent"
    fitting = [name for name in FORMATS if opaque or name not in OPAQUE_FORMATS]
    return max(fitting, key=lambda name: _preference(f"image/{name}", ranges))


def _preference(media_type: str, ranges: list[tuple[str, float]]) -> tuple[float, int, int]:
    """(quality, how exactly the header names it, how early), of the range that fits it best."""
    patterns = (media_type, "image/*", "*/*")
    matches = [
        (-patterns.index(pattern), -place, quality)
        for place, (pattern, quality) in enumerate(ranges)
        if pattern in patterns
    ]
    exactness, earliness, quality = max(matches, default=(-len(patterns), 0, 0.0))
    return (quality, exactness, earliness) if quality else (0.0, -len(patterns), 0)


def _media_range(item: str) -> tuple[str, float]:
    media_type, *parameters = (part.strip().lower() for part in item.split(";"))
    qualities = [text[2:] for text in parameters if text.startswith("q=")]
    return media_type.replace("image/jpg", "image/jpeg"), _quality(qualities)


def _quality(values: list[str]) -> float:
    try:
        return _number(0, 1)(values[0]) if values else 1.0
    except ValueError:
        return 0.0


def _either(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}"
