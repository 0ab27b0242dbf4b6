"""One process of the cluster that draws: photos are named to it, and lines of what became of them come back.

Photos and pictures never pass through Ray's object store: each is read when its turn comes and forgotten when its
picture is written, so memory does not grow with what is waiting.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import numpy as np
import ray

from deploy.ray.manifest import Fate, Journal, Line, picture_of
from deploy.ray.store import Store, StoreError
from portrait_client.errors import PortraitError, UnavailableError
from portrait_client.local import LocalPortraits
from portrait_client.mark import mark_of, marked
from portrait_client.options import Options
from portrait_client.picture import Picture

AHEAD = 3  # photos in hand: one is drawn while the next is read and the last one written
TRIES = 2  # of a photo at which the process that draws has ended: it may have been killed for another's sake

Archive = np.ndarray[tuple[int], np.dtype[np.uint8]]  # its bytes; all processes of a node map the same ones


class Drawer:
    """Draws with an archive's own handler, in a process of its own that a photo may end."""

    def __init__(
        self, archive: "ray.ObjectRef[Archive]", addresses: tuple[str, str], options: Sequence[Options],
        variables: Mapping[str, str],
    ) -> None:  # fmt: skip
        """Draw from one address to another; `variables` are those of the process that draws."""
        os.environ.update(variables)
        self._archive: Archive = ray.get(archive)
        self._source, self._target = map(Store, addresses)
        self._options = options
        self._journal = Journal(self._target)
        self._local = load(self._archive)
        self._drawing = threading.Lock()

    def __call__(self, row: dict[str, str]) -> list[dict[str, str]]:
        """Return a row with a line of JSON for each photo of the list in `row`."""
        with ThreadPoolExecutor(AHEAD) as hands:
            lines = list(hands.map(self._draw, json.loads(row["photos"])))
        self._journal.flush()
        return [{"line": line.text()} for line in lines]

    def _draw(self, photo: str) -> Line:
        try:
            fate, reason = self._fate(photo)
            line = Line(photo, fate, time.time(), reason)
            self._journal.add(line)
        except StoreError as error:
            return Line(photo, "failed", time.time(), str(error))  # no line of the journal: it is tried again
        return line

    def _fate(self, photo: str) -> tuple[Fate, str]:
        """Draw what is missing of a photo's pictures. Raises `StoreError`."""
        wanted = {name: one for one in self._options if not self._target.holds(name := picture_of(photo, one))}
        if not wanted:
            return "there", ""
        pictures = self._pictures(self._source.read(photo), list(wanted.values()))
        for (name, options), picture in zip(wanted.items(), pictures, strict=True):
            if isinstance(picture, PortraitError):
                return "bad", picture.message
            mark = mark_of(picture, PurePosixPath(photo).name, options)
            self._target.write(name, marked(picture, mark))
        return "drawn", ""

    def _pictures(self, photo: bytes, options: Sequence[Options]) -> list[Picture | PortraitError]:
        with self._drawing:
            for _ in range(TRIES):
                pictures = list(self._local.draw_each(photo, options))
                if not any(isinstance(picture, UnavailableError) for picture in pictures):
                    break
                self._local.close()
                self._local = load(self._archive)
        return pictures


def load(archive: Archive) -> LocalPortraits:
    """Start a process that draws with an archive. Raises `PortraitError` where it cannot be drawn with."""
    with tempfile.NamedTemporaryFile(suffix=".mar") as file:
        file.write(archive.data)
        file.flush()
        return LocalPortraits(file.name)  # it has unpacked the file when it returns, and needs it no more
