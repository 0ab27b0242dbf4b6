"""The `Accept` header: which of several media types a client likes best (RFC 9110, 12.5.1)."""

from collections.abc import Mapping

from handler.option import numbers

_QUALITIES = numbers(0, 1)


def preferred(accept: str, media_types: Mapping[str, str]) -> str:
    """Return the name (of names -> media types) that `accept` likes best; of equals, and of none, the first."""
    ranges = [_media_range(item) for item in accept.split(",") if item.strip()]
    return max(media_types, key=lambda name: _preference(media_types[name], ranges))


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
        return float(_QUALITIES.read(values[0])) if values else 1.0
    except ValueError:
        return 0.0
