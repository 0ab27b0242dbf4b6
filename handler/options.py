"""What a client may choose: one table of options, one frozen result.

All else that lists them is made from the table or tested against it: the description for operators, README, the
client's types and help, the page.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from handler.accept import preferred
from handler.errors import refuse, shown
from handler.option import COLOURS, UNSETTLED, Colour, Follows, Option, Value, either, numbers, whole_numbers
from handler.styles import STYLES

MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "svg": "image/svg+xml"}
"""Format -> how HTTP calls it; of those that `Accept` likes alike, the first is taken."""

OPAQUE_FORMATS = ("jpeg",)
NATIVE_LONG_SIDE = 2048
STRETCH_SIDE = 512
WHITE: Colour = (255, 255, 255)
HEADER_PREFIX = "portrait-"

_CLEAR_FORMATS = tuple(name for name in MEDIA_TYPES if name not in OPAQUE_FORMATS)
_FORMAT_NEEDS = {"svg": {"style": ("draw",)}}  # only ink has outlines
_COMPOSITE = {"style": ("composite",)}


@dataclass(frozen=True)
class Options:
    """How the picture is to be drawn. A field is an option, with all that is known about it."""

    style: str = Option("what is drawn", "draw", tuple(map(Value, STYLES))).field()
    frame: str = Option(
        "what of the photo is shown",
        "photo",
        (
            Value("photo", "all of it"),
            Value("face", "the largest face with hair and shoulders; the whole photo when none is found"),
            Value(
                "stretch",
                f"squashed to {STRETCH_SIDE} x {STRETCH_SIDE}, as the original app did",
                fixes={"size": str(STRETCH_SIDE)},
            ),
        ),
    ).field()
    scene: str = Option(
        "what is around the person",
        Follows("style", {"sketch": "remove"}, "keep"),
        (
            Value("keep", "drawn as well"),
            Value("remove", "left out; where no person is found, the whole photo is drawn"),
        ),
    ).field()
    line: str = Option(
        "the hand",
        "normal",
        (Value("normal"), Value("bold", "few, heavy lines"), Value("fine", "many, thin ones")),
    ).field()
    size: int | None = Option(
        "the long side in pixels",
        "native",
        (Value("native", f"the photo's own, at most {NATIVE_LONG_SIDE}", parsed=None),),
        whole_numbers(64, 4096),
    ).field()
    format: str = Option(
        "the kind of file, by default as the Accept header has it",
        "png",
        tuple(Value(name, needs=_FORMAT_NEEDS.get(name, {})) for name in MEDIA_TYPES),
    ).field()
    background: tuple[int, int, int] | None = Option(
        "the paper",
        "white",
        (Value("white", parsed=WHITE), Value("transparent", parsed=None, needs={"format": _CLEAR_FORMATS})),
        COLOURS,
    ).field()
    alpha: float = Option("share of the photo", 0.5, pattern=numbers(0, 1), fits=_COMPOSITE).field()
    sigma: float = Option("blur of the photo in pixels at 512", 20.0, pattern=numbers(0, 50), fits=_COMPOSITE).field()

    def __post_init__(self) -> None:
        """Settle what was left to a default that depends on another option."""
        for field in fields(self):
            if getattr(self, field.name) is UNSETTLED:
                object.__setattr__(self, field.name, field.metadata["option"].default_beside(self))


OPTIONS: Mapping[str, Option] = {field.name: field.metadata["option"] for field in fields(Options)}


def parse_options(headers: Mapping[str, str], given_fields: Mapping[str, str]) -> Options:
    """Parse a request's headers (names in any case) and fields.

    A field beats the header of the same meaning; without a format, `Accept` decides. Raises
    `RequestError` (400) for an unknown field or `Portrait-` header, a value out of its range, and
    options that do not go together.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    given = {
        name.removeprefix(HEADER_PREFIX): value for name, value in lowered.items() if name.startswith(HEADER_PREFIX)
    }
    given |= given_fields
    options = Options(**{name: _parse(name, value) for name, value in given.items()})
    if "format" not in given:
        options = replace(options, format=_negotiate(lowered.get("accept", ""), options))
    for fault in (*_misplaced(options, given), *_unmet(options), *_overruled(options)):
        refuse(fault)
    return options


def _parse(name: str, value: str) -> Any:
    if name not in OPTIONS:
        refuse(f"{shown(name)}: unknown option; known are {', '.join(OPTIONS)}")
    try:
        return OPTIONS[name].parse(value.strip())
    except ValueError as error:
        refuse(f"{name}: {error}, got {shown(value)}")


def _negotiate(accept: str, options: Options) -> str:
    """Return the format that `Accept` likes best, of those that go with the other options."""
    fitting = {name: kind for name, kind in MEDIA_TYPES.items() if not any(_unmet(replace(options, format=name)))}
    return preferred(accept, fitting or MEDIA_TYPES)


def _misplaced(options: Options, given: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with options that were given where they do not fit."""
    for name in (name for name in OPTIONS if name in given):
        for other, texts in OPTIONS[name].fits.items():
            if not _stands_at(options, other, *texts):
                yield f"{name}: only fits {other} {either(texts)}, got {other} {_text(options, other)}"


def _unmet(options: Options) -> Iterator[str]:
    """Yield what is wrong with values that need others than there are."""
    for name, value in _named(options):
        for other, texts in value.needs.items():
            if not _stands_at(options, other, *texts):
                yield f"{name}: {value.name} needs {other} {either(texts)}, got {_text(options, other)}"


def _overruled(options: Options) -> Iterator[str]:
    """Yield what is wrong with options whose value another one fixes."""
    for name, value in _named(options):
        for other, text in value.fixes.items():
            left_open = getattr(options, other) == OPTIONS[other].default_beside(options)
            if not left_open and not _stands_at(options, other, text):
                yield f"{other}: {name} {value.name} is always {text}, got {_text(options, other)}"


def _named(options: Options) -> Iterator[tuple[str, Value]]:
    """Option and value, of those that stand at a value with a name."""
    for name, option in OPTIONS.items():
        yield from ((name, value) for value in option.values if value.value == getattr(options, name))


def _text(options: Options, name: str) -> str:
    return OPTIONS[name].text(getattr(options, name))


def _stands_at(options: Options, name: str, *texts: str) -> bool:
    return getattr(options, name) in [OPTIONS[name].parse(text) for text in texts]
