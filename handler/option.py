"""What an option is: its values, its default and what it goes with, as data that checks and tells.

Texts are as a client writes them, everywhere: a default, a rule and a message name the same thing by the same word.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Colour = tuple[int, int, int]  # (red, green, blue) of 0 to 255

Others = Mapping[str, tuple[str, ...]]
"""Name of another option -> those of its values that are meant."""

_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")

UNSETTLED = object()
"""Stands for a default until the options that it depends on are known."""


@dataclass(frozen=True)
class Value:
    """A value with a name."""

    name: str
    meaning: str = ""  # for people, where the name alone does not say it
    parsed: Any = ...  # what the code gets; `...` is the name itself
    needs: Others = field(default_factory=dict)  # it can be had with these values of other options only
    fixes: Mapping[str, str] = field(default_factory=dict)  # other option -> the one value that it has then

    @property
    def value(self) -> Any:
        """What the code gets."""
        return self.name if self.parsed is ... else self.parsed


class Pattern(NamedTuple):
    """Values without names."""

    read: Callable[[str], Any]  # raises `ValueError` for a text that is none of them
    rule: str  # which texts are, for people
    shape: object  # the same for programs, as JSON
    schema: Mapping[str, object]  # and as JSON Schema


class Follows(NamedTuple):
    """A default that depends on another option."""

    other: str
    cases: Mapping[str, str]  # value of the other -> default
    otherwise: str


@dataclass(frozen=True)
class Option:
    """One thing that a client may choose."""

    description: str
    default: str | float | Follows
    values: tuple[Value, ...] = ()
    pattern: Pattern | None = None
    fits: Others = field(default_factory=dict)  # it may be given with these values of other options only

    @property
    def names(self) -> tuple[str, ...]:
        """Of the values that have one."""
        return tuple(value.name for value in self.values)

    def parse(self, text: str) -> Any:
        """Parse a client's text, in any case. Raises `ValueError` with the rule that it breaks."""
        named = {value.name: value.value for value in self.values}
        if (lowered := text.lower()) in named:
            return named[lowered]
        if self.pattern:
            with suppress(ValueError):
                return self.pattern.read(text)
        raise ValueError(f"must be {either((*self.names, self.pattern.rule) if self.pattern else self.names)}")

    def text(self, value: object) -> str:
        """Return what a client writes, or might have written, for a value."""
        return next((each.name for each in self.values if each.value == value), str(value))

    def default_beside(self, chosen: object) -> Any:
        """Return the default value, where the attributes of `chosen` are the other options' values."""
        if not isinstance(self.default, Follows):
            return self.parse(str(self.default))
        other, cases, otherwise = self.default
        return self.parse(cases.get(getattr(chosen, other), otherwise))

    def field(self) -> Any:
        """Return the option as the field of a dataclass, which has its default and carries it along."""
        depends = isinstance(self.default, Follows)
        return field(default=UNSETTLED if depends else self.default_beside(None), metadata={"option": self})


def numbers(low: float, high: float) -> Pattern:
    """Decimal numbers of a range, as JSON and people write them."""

    def read(text: str) -> float:
        # NaN, infinities and whatever else float() takes are left out by the pattern, and NaN is in no range
        return _within(float(text) if _DECIMAL.fullmatch(text) else math.nan, low, high)

    rule, shape = f"a number from {low:g} to {high:g}", {"from": low, "to": high}
    return Pattern(read, rule, shape, {"type": "number", "minimum": low, "maximum": high})


def whole_numbers(low: int, high: int) -> Pattern:
    """Whole numbers of a range, of at most five digits; 256.0 is one."""

    def read(text: str) -> int:
        # Python would convert the digits of a long text for seconds
        return int(_within(float(text) if re.fullmatch(r"[0-9]{1,5}(\.0{1,9})?", text) else math.nan, low, high))

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Pattern(read, f"{low} to {high}", {"from": low, "to": high}, schema)


def _within(number: float, low: float, high: float) -> float:
    if not low <= number <= high:
        raise ValueError
    return number


def _colour(text: str) -> Colour:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


COLOURS = Pattern(_colour, "#rrggbb", "#rrggbb", {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"})


def either(names: Iterable[str]) -> str:
    """One, two or three."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
