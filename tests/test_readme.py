"""The README's table of options says what the code does."""

import re
from dataclasses import fields

import pytest

from handler.options import BACKGROUNDS, FORMATS, FRAMES, LARGEST_SIDE, SMALLEST_SIDE, Options
from handler.styles import STYLES
from scripts.serving.paths import ROOT

ROWS = re.findall(r"^\| `Portrait-(\w+)` \| `(\w+)` \| (.+) \| `([^`]+)`", (ROOT / "README.md").read_text(), re.M)
VALUES = {field: re.findall(r"`([^`]+)`", values) for _, field, values, _ in ROWS}


def test_every_option_has_its_row_in_order() -> None:
    names = [field.name for field in fields(Options)]
    assert [field for _, field, _, _ in ROWS] == names
    assert [header.lower() for header, _, _, _ in ROWS] == names


def test_defaults_are_those_of_the_code() -> None:
    for field, (_, _, _, told) in zip(fields(Options), ROWS, strict=True):
        real = "native" if field.name == "size" else field.default
        assert told == (f"{real:g}" if isinstance(real, float) else real)


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("style", STYLES),
        ("frame", FRAMES),
        ("format", FORMATS),
        ("background", (*BACKGROUNDS, "#rrggbb")),
    ],
)
def test_values_are_those_of_the_code(field: str, names: tuple[str, ...]) -> None:
    assert [value for value in VALUES[field] if value != "Accept"] == list(names)


def test_the_range_of_sizes_is_that_of_the_code() -> None:
    assert f"{SMALLEST_SIDE} to {LARGEST_SIDE}" in next(row[2] for row in ROWS if row[1] == "size")
