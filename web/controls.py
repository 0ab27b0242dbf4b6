"""The options as controls; only what goes together is offered."""

from collections.abc import Mapping
from typing import Literal, TypeVar

import streamlit as st

from portrait_client import Options
from portrait_client.options import ALPHA, SIGMA, Format, Frame, Line, Scene, Style

Size = int | Literal["native"]
Value = TypeVar("Value", bound=str)

# What each value is called, and what it does.
STYLES: dict[Style, tuple[str, str]] = {
    "draw": ("Lines", "Ink on paper, nothing else."),
    "sketch": ("Pencil", "Lines and shading, on a blank background."),
    "composite": ("Composite", "Lines over the softened photo."),
}
FRAMES: dict[Frame, tuple[str, str]] = {
    "photo": ("Whole photo", "All of it, in its own proportions."),
    "face": ("Face", "The largest face, with hair and shoulders."),
    "stretch": ("Square", "Squeezed to 512 × 512 pixels."),
}
FORMATS: dict[Format, tuple[str, str]] = {
    "png": ("PNG", "Every pixel as drawn."),
    "jpeg": ("JPEG", "Opens everywhere; no transparency."),
    "webp": ("WebP", "The smallest file."),
    "svg": ("SVG", "Outlines of the ink, for plotters and prints of any size."),
}
PAPERS: dict[str, tuple[str, str]] = {
    "white": ("White", "Plain paper."),
    "transparent": ("None", "Transparent, to lay on anything."),
    "colour": ("Colour", "Paper of any colour."),
}
SCENES: dict[Scene, tuple[str, str]] = {
    "keep": ("As it is", "What is around the person is drawn as well."),
    "remove": ("Left out", "The person alone, on blank paper."),
}
LINES: dict[Line, tuple[str, str]] = {
    "normal": ("Normal", "As the person suits."),
    "bold": ("Bold", "Few, heavy lines."),
    "fine": ("Fine", "Many, thin lines."),
}
SIZES: tuple[Size, ...] = ("native", 256, 512, 1024, 2048, 4096)


def choose_options() -> Options:
    """Show the controls; what they stand at."""
    style = _choose("Style", STYLES)
    with st.container():  # holds the place: what follows stays as it is, open or closed
        alpha, sigma = _mix() if style == "composite" else (None, None)
    with st.expander("More options"):
        frame = _choose("Frame", FRAMES)
        scene = _choose("Scene", dict(reversed(SCENES.items())) if style == "sketch" else SCENES)
        line = _choose("Hand", LINES)
        size = _size() if frame != "stretch" else None
        formats = {value: told for value, told in FORMATS.items() if value != "svg" or style == "draw"}
        file_format = _choose("File", formats)
        background = _background(file_format)
    return Options(style, frame, scene, line, size, file_format, background, alpha, sigma)


def style_name(options: Options) -> str:
    """Return what the page calls the style."""
    return STYLES[options.style or "draw"][0]


def _choose(label: str, table: Mapping[Value, tuple[str, str]]) -> Value:
    """One of the table's keys, and under the control what the chosen one does."""
    with st.container(key=f"choice-{label}"):
        value: Value = st.segmented_control(
            label,
            list(table),
            default=next(iter(table)),
            required=True,
            format_func=lambda value: table[value][0],
            # with another default it is another control, which does not keep the last one's value
            key=f"{label}-{next(iter(table))}",
            width="stretch",
        )
        st.caption(table[value][1])
    return value


def _mix() -> tuple[float, float]:
    low, high, default = (round(100 * share) for share in ALPHA)
    share = st.slider("Share of the photo", low, high, default, step=5, format="%d %%")
    low, high, default = (round(sigma) for sigma in SIGMA)
    sigma = st.slider("Softness of the photo", low, high, default)
    return share / 100, float(sigma)


def _size() -> Size:
    def told(size: Size) -> str:
        return "As the photo, at most 2048 pixels" if size == "native" else f"{size} pixels"

    return st.selectbox("Long side", SIZES, format_func=told) or "native"


def _background(file_format: Format) -> str:
    papers = {value: told for value, told in PAPERS.items() if value != "transparent" or file_format != "jpeg"}
    paper = _choose("Paper", papers)
    return str(st.color_picker("Colour of the paper", "#f5ecd7")) if paper == "colour" else paper
