"""Photos from files, the clipboard or the camera; the sample where there is none yet."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePath

import streamlit as st

from web.components import paste_button

SAMPLE = Path(__file__).parents[1] / "docs" / "astronaut.jpg"


@dataclass(frozen=True)
class Photo:
    """The bytes of a photo as they came, and what to call it."""

    name: str  # without suffix
    data: bytes
    key: str  # tells it from every other
    sample: bool = False


def gather_photos() -> list[Photo]:
    """Show the ways in; at least one photo."""
    files = st.file_uploader("Choose photos or drop them here", type="image", accept_multiple_files=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        paste_button()
        camera = st.toggle("Use the camera")
    shot = st.camera_input("Camera", label_visibility="collapsed") if camera else None
    photos = [_photo(file.name, file.getvalue()) for file in files]
    photos += [_photo("camera", shot.getvalue())] if shot else []
    return list({photo.key: photo for photo in photos}.values()) or [_sample()]


def _photo(name: str, data: bytes, sample: bool = False) -> Photo:
    # The name is part of it: two files of the same bytes are two photos to whoever chose them.
    key = hashlib.sha256(name.encode() + b"\0" + data).hexdigest()[:16]
    return Photo(PurePath(name).stem, data, key, sample)


def _sample() -> Photo:
    return _photo(SAMPLE.name, SAMPLE.read_bytes(), sample=True)
