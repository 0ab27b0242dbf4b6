"""Shows portraits as they come, each beside its photo, and hands them out."""

import io
import zipfile
from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from portrait_client import Options, Picture, UnavailableError
from web.components import compare
from web.controls import style_name
from web.drawing import Drawn, draw_all
from web.photos import Photo

SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/svg+xml": "svg"}


def show_portraits(photos: Sequence[Photo], options: Options) -> None:
    """Draw every photo and show what became of it; says how far it is while it works."""
    top = st.empty()
    places = _places(photos)
    drawn: dict[Photo, Picture] = {}
    away: UnavailableError | None = None
    top.progress(0.0, _progress(0, photos))
    for done, (photo, outcome) in enumerate(draw_all(photos, options), start=1):
        top.progress(done / len(photos), _progress(done, photos))
        if isinstance(outcome, Drawn):
            drawn[photo] = outcome.picture
            _show(photo, outcome, style_name(options), places[photo])
        elif isinstance(outcome, UnavailableError):
            away = outcome
        else:
            reason = outcome.message.removeprefix("photo: ")
            places[photo].error(f"**{photo.name}**: {reason}", icon=":material/broken_image:")
    with top.container():
        _sum_up(photos, drawn, away)


def _places(photos: Sequence[Photo]) -> dict[Photo, DeltaGenerator]:
    """Where each photo goes: a single one has the whole width."""
    columns = st.columns(min(len(photos), 2))
    return {photo: columns[place % 2].container() for place, photo in enumerate(photos)}


def _progress(done: int, photos: Sequence[Photo]) -> str:
    return f"{done} of {len(photos)} drawn …" if len(photos) > 1 else f"Drawing {photos[0].name} …"


def _show(photo: Photo, drawn: Drawn, style: str, place: DeltaGenerator) -> None:
    picture = drawn.picture
    with place:
        compare(
            {
                "name": photo.name,
                "told": style,
                "photo": drawn.photo.url,
                "portrait": drawn.portrait.url,
                "width": drawn.portrait.width,
                "height": drawn.portrait.height,
            },
            key=f"compare-{photo.key}",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.download_button(
                "Download",
                picture.data,
                _file_name(photo, picture),
                picture.content_type,
                key=f"download-{photo.key}",
                on_click="ignore",
                type="primary",
            )
            st.caption(_about(photo, picture))


def _about(photo: Photo, picture: Picture) -> str:
    width, height = picture.size or (0, 0)
    kind = picture.content_type.removeprefix("image/").upper()
    facts = [photo.name, f"{width} × {height}", f"{kind}, {len(picture.data) / 1000:,.0f} kB"]
    if picture.faces == 0:
        facts.append("no face found, so all of it")
    return " · ".join(facts)


def _file_name(photo: Photo, picture: Picture) -> str:
    return f"{photo.name}-portrait.{SUFFIXES[picture.content_type]}"


def _sum_up(photos: Sequence[Photo], drawn: Mapping[Photo, Picture], away: UnavailableError | None) -> None:
    if away:
        st.error(
            "**The drawing server does not answer.** Wait a moment, then try again. Whoever runs this page "
            f"starts it with `bash scripts/serve.sh`.\n\n{away.message}",
            icon=":material/cloud_off:",
        )
        st.button("Try again")
    elif photos[0].sample:
        st.caption("An example. Choose a photo of your own, and it takes this one's place.")
    if len(drawn) > 1:
        st.download_button("Download all", _zip(drawn), "portraits.zip", "application/zip", on_click="ignore")


def _zip(drawn: Mapping[Photo, Picture]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for place, (photo, picture) in enumerate(drawn.items(), start=1):
            archive.writestr(f"{place:02} {_file_name(photo, picture)}", picture.data)
    return file.getvalue()
