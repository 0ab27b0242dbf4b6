"""What became of each photo, beside the pictures: lines that are only ever added, and so survive a kill.

A photo is done once its pictures are there whole; then its line is written. Who dies in between leaves pictures without
a line: they are found to be there, and not drawn again.
"""

import json
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Literal

from deploy.ray.store import Store, StoreError
from portrait_client.options import Options
from portrait_client.picture import SUFFIXES
from portrait_client.plan import shortened

FOLDER = "manifest"
RUN = f"{FOLDER}/run.json"

Fate = Literal["drawn", "there", "bad", "failed"]


@dataclass(frozen=True)
class Line:
    """A photo and what became of it."""

    photo: str
    fate: Fate  # there: it was before; bad: no picture can be made of it; failed: it could not be read or written now
    at: float  # seconds since 1970
    reason: str = ""  # of what is bad or failed

    def text(self) -> str:
        """One line of JSON in ASCII."""
        return json.dumps(asdict(self)) + "\n"


def shard_of(photo: str) -> str:
    """Return two hexadecimal digits that follow from a photo's name.

    They make 256 folders of like size, and as many prefixes, by which object stores divide their load.
    """
    return sha256(photo.encode(errors="surrogateescape")).hexdigest()[:2]


def picture_of(photo: str, options: Options) -> str:
    """Return the name of a photo's picture: the photo's whole one, for a.jpg and a.png are two."""
    folder, _, name = f"{shard_of(photo)}/{photo}".rpartition("/")
    return f"{folder}/{shortened(f'{name}-{options.style}', SUFFIXES[options.format or 'png'][0])}"


class Journal:
    """Writes the lines of one process; safe to share between its threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = uuid.uuid4().hex[:12]
        self._lines: defaultdict[str, list[str]] = defaultdict(list)
        self._writing = threading.Lock()

    def add(self, line: Line) -> None:
        """Write a line: to a folder at once, to an object store with others at the next `flush`.

        Raises `StoreError`.
        """
        with self._writing:
            self._lines[shard_of(line.photo)].append(line.text())
        if self._store.is_folder:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting. Raises `StoreError`."""
        with self._writing:
            while self._lines:
                shard, lines = self._lines.popitem()
                self._store.append(f"{FOLDER}/{shard}/{self._writer}.jsonl", "".join(lines).encode())


def read_lines(store: Store) -> Iterator[Line]:
    """Yield all lines that are whole; the last of a process that was killed may not be."""
    parts = [name for name in store.names(FOLDER) if name != RUN]
    for part in store.read_all(parts):
        for text in part.decode().splitlines():
            try:
                yield Line(**json.loads(text))
            except ValueError:
                continue


def begin(store: Store, run: dict[str, object]) -> None:
    """Take note of what a target is drawn with. Raises `StoreError` where it was begun with something else."""
    if not store.holds(RUN):
        store.write(RUN, (json.dumps(run, indent=1) + "\n").encode())
    begun = json.loads(store.read(RUN))
    other = [f"{name} {begun.get(name)}, now {value}" for name, value in run.items() if begun.get(name) != value]
    if other:
        raise StoreError(f"{store.url}: was begun with {'; '.join(other)}: take another target")
