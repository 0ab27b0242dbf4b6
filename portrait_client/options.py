"""How the picture is to be drawn, typed; what is not given is left to the server."""

from dataclasses import asdict, dataclass
from typing import Literal, get_args

Style = Literal["draw", "sketch", "composite"]
Frame = Literal["photo", "face", "stretch"]
Format = Literal["png", "jpeg", "webp"]

STYLES: tuple[Style, ...] = get_args(Style)
FRAMES: tuple[Frame, ...] = get_args(Frame)
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True)
class Options:
    """The options of a request; the server checks them and has the defaults."""

    style: Style | None = None
    frame: Frame | None = None
    size: int | Literal["native"] | None = None  # long side in pixels
    format: Format | None = None
    background: str | None = None  # white, transparent or #rrggbb
    alpha: float | None = None  # composite: share of the photo, 0 to 1
    sigma: float | None = None  # composite: blur of the photo in pixels at 512, 0 to 50

    def fields(self) -> dict[str, str]:
        """Name -> value as text, of the options that are given."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: f"{v:f}" if isinstance(v, float) else str(v) for name, v in given.items()}

    def headers(self) -> dict[str, str]:
        """The same as HTTP headers."""
        return {f"Portrait-{name.capitalize()}": value for name, value in self.fields().items()}


DEFAULTS = Options()
