"""The page's own two components: plain HTML, CSS and JavaScript in this folder, nothing from elsewhere."""

from functools import cache
from pathlib import Path
from typing import TypedDict

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

FOLDER = Path(__file__).parent


class Comparison(TypedDict):
    """What the slider shows."""

    name: str
    told: str  # of the portrait, for those who hear the page
    photo: str  # data URL
    portrait: str  # data URL
    width: int  # of the portrait; the photo is stretched over it
    height: int


def compare(comparison: Comparison, key: str) -> None:
    """Photo and portrait, one over the other, with a slider between them.

    The same `key` keeps the slider where it stands while the portrait changes.
    """
    _component("compare")(data=comparison, key=key)


def paste_button() -> None:
    """Show a button that hands the clipboard's pictures to the uploader; so does Ctrl+V anywhere on the page."""
    _component("paste")(key="paste", width="content")


@cache
def _component(name: str) -> ComponentRenderer:
    html, css, js = (FOLDER.joinpath(f"{name}.{kind}").read_text() for kind in ("html", "css", "js"))
    return st.components.v2.component(name, html=html, css=css, js=js)
