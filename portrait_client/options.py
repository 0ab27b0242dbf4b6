"""How the picture is to be drawn, typed; what is not given is left to the server."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, NamedTuple, TypedDict, get_args

Style = Literal["draw", "sketch", "composite"]
Frame = Literal["photo", "face", "stretch"]
Scene = Literal["keep", "remove"]
Line = Literal["normal", "bold", "fine"]
Format = Literal["png", "jpeg", "webp", "svg"]

STYLES: tuple[Style, ...] = get_args(Style)
FRAMES: tuple[Frame, ...] = get_args(Frame)
SCENES: tuple[Scene, ...] = get_args(Scene)
LINES: tuple[Line, ...] = get_args(Line)
FORMATS: tuple[Format, ...] = get_args(Format)


class Range(NamedTuple):
    """A number's lowest and highest value, and what it is where it is not given."""

    low: float
    high: float
    default: float


# A test compares all of these with the server's own table. The first of several names is its default.
ALPHA = Range(0.0, 1.0, 0.5)
SIGMA = Range(0.0, 50.0, 20.0)
HELP = {
    "style": "what is drawn: draw, sketch or composite",
    "frame": "what of the photo is shown: photo (all of it), face (the largest face with hair and shoulders; the whole "
    "photo when none is found) or stretch (squashed to 512 x 512, as the original app did)",
    "scene": "what is around the person: keep (drawn as well) or remove (left out; where no person is found, the whole "
    "photo is drawn)",
    "line": "the hand: normal, bold (few, heavy lines) or fine (many, thin ones)",
    "size": "the long side in pixels: native (the photo's own, at most 2048) or 64 to 4096",
    "format": "the kind of file, by default as the Accept header has it: png, jpeg, webp or svg (style draw only)",
    "background": "the paper: white, transparent (format png, webp or svg only) or #rrggbb",
    "alpha": "share of the photo: a number from 0 to 1; style composite only",
    "sigma": "blur of the photo in pixels at 512: a number from 0 to 50; style composite only",
}


@dataclass(frozen=True)
class Options:
    """The options of a request; the server checks them and has the defaults."""

    style: Style | None = None
    frame: Frame | None = None
    scene: Scene | None = None
    line: Line | None = None
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
        """Return the fields as HTTP headers."""
        return {f"Portrait-{name.capitalize()}": value for name, value in self.fields().items()}


DEFAULTS = Options()
# What the server takes for what is not given; the scene follows the style.
USUAL = Options(STYLES[0], FRAMES[0], None, LINES[0], "native", FORMATS[0], "white", ALPHA.default, SIGMA.default)


def in_styles(options: Options, styles: Sequence[Style]) -> list[Options]:
    """Return the options once for each style; of several, the composite alone gets what fits no other."""
    several = [replace(options, style=style) for style in styles]
    if len(several) == 1:
        return several
    return [one if one.style == "composite" else replace(one, alpha=None, sigma=None) for one in several]


class Keywords(TypedDict, total=False):
    """The fields of `Options`, as `draw` takes them by name."""

    style: Style
    frame: Frame
    scene: Scene
    line: Line
    size: int | Literal["native"]
    format: Format
    background: str
    alpha: float
    sigma: float


def with_keywords(options: Options, keywords: Keywords) -> Options:
    """Return the options with what is given by name in place of theirs. Raises `TypeError` for a name that is none."""
    unknown = ", ".join(keywords.keys() - HELP.keys())
    if unknown:
        raise TypeError(f"{unknown}: no such option; there are {', '.join(HELP)}")
    return replace(options, **keywords)
