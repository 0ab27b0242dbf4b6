"""Several photos at once, drawn by the server; what was drawn is kept while its photo is on the page."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache

import streamlit as st

from portrait_client import Options, Picture, PortraitClient, PortraitError
from portrait_client.address import SERVER
from portrait_client.tokens import find_token
from web.photos import Photo
from web.preview import Preview, preview

AT_ONCE = 4
RETRIES = 2  # somebody is waiting: better say soon that the server is away
KEPT = 48
SAMPLE_SECONDS = 600  # the server may have other weights by then


@dataclass(frozen=True)
class Drawn:
    """A portrait, and what the page shows of it and of the photo in the same frame."""

    picture: Picture
    portrait: Preview
    photo: Preview


Outcome = Drawn | PortraitError
Kept = dict[tuple[str, Options], Drawn]


def draw_all(photos: Sequence[Photo], options: Options) -> Iterator[tuple[Photo, Outcome]]:
    """Each photo with its portrait, or with what went wrong, in the order in which they are ready."""
    kept = _kept(photos)
    waiting = []
    for photo in photos:
        drawn = kept.get((photo.key, options))
        if drawn:
            yield photo, drawn
        else:
            waiting.append(photo)
    for photo, outcome in _ask(waiting, options):
        if isinstance(outcome, Drawn):
            kept[photo.key, options] = outcome
        yield photo, outcome


def _kept(photos: Sequence[Photo]) -> Kept:
    """Return the latest portraits of these photos: this visitor's own, or everybody's of the sample."""
    kept: Kept = _of_sample() if photos[0].sample else st.session_state.setdefault("drawn", {})
    keys = {photo.key for photo in photos}
    gone = [about for about in kept if about[0] not in keys]
    for about in gone + list(kept)[:-KEPT]:
        kept.pop(about, None)
    return kept


@st.cache_resource(ttl=SAMPLE_SECONDS)
def _of_sample() -> Kept:
    return {}


def _ask(photos: Sequence[Photo], options: Options) -> Iterator[tuple[Photo, Outcome]]:
    server = os.environ.get("PORTRAIT_SERVER", SERVER)
    client = _client(server, find_token(None, None, server))
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        futures = {pool.submit(_draw, client, photo, options): photo for photo in photos}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        # Another option may have been chosen meanwhile: nobody wants the rest of these.
        pool.shutdown(wait=False, cancel_futures=True)


@cache
def _client(server: str, token: str | None) -> PortraitClient:
    return PortraitClient(server, token, retries=RETRIES)


def _draw(client: PortraitClient, photo: Photo, options: Options) -> Outcome:
    try:
        picture = client.draw(photo.data, options)
        framed = _face(client, photo) if picture.faces else photo.data
    except PortraitError as error:
        return error
    return Drawn(picture, preview(picture.data), preview(framed))


def _face(client: PortraitClient, photo: Photo) -> bytes:
    """Where the face was cut is the server's to know: a composite of the photo alone shows it."""
    cut = Options("composite", "face", size=1024, format="jpeg", alpha=1.0, sigma=0.0)
    return client.draw(photo.data, cut).data
