"""Files below an address: a folder, or whatever fsspec opens (s3://bucket/photos, gs://..., abfs://...)."""

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

_AT_ONCE = 500  # objects that are read together


class StoreError(Exception):
    """A file could not be read or written; another time it may be."""


class Store:
    """Files named by their path below `url`."""

    def __init__(self, url: str) -> None:
        """Open it. Raises `StoreError` for an address that nothing installed here opens."""
        with _told(url):
            # what other nodes write has to be seen: no listing is kept
            self._files, root = url_to_fs(url, use_listings_cache=False)
        self._root = root.rstrip("/")
        self.is_folder = isinstance(self._files, LocalFileSystem)
        self.url = self._files.unstrip_protocol(self._root)  # absolute: for nodes with another working directory

    def names(self, below: str = "") -> list[str]:
        """Return the names of all files, or of those in the folder `below`, in their order. Raises `StoreError`."""
        top = f"{self._root}/{below}".rstrip("/")
        with _told(top):
            found = self._files.find(top)
        return sorted(path.removeprefix(f"{self._root}/") for path in found)

    def holds(self, name: str) -> bool:
        """Whether a file is there. Raises `StoreError`."""
        with _told(name):
            return bool(self._files.exists(self._path(name)))

    def read(self, name: str) -> bytes:
        """Raise `StoreError` for a file that cannot be read."""
        with _told(name):
            data: bytes = self._files.cat_file(self._path(name))
        return data

    def read_all(self, names: Sequence[str]) -> Iterator[bytes]:
        """Yield many small files' contents, in any order. Raises `StoreError`."""
        for start in range(0, len(names), _AT_ONCE):
            paths = [self._path(name) for name in names[start : start + _AT_ONCE]]
            with _told(paths[0]):
                yield from self._files.cat(paths, recursive=False).values()

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all, and return when it would survive a loss of power. Raises `StoreError`."""
        with _told(name):
            if not self.is_folder:
                self._files.pipe_file(self._path(name), data)  # an object is there whole or not at all
                return
            path = Path(self._path(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{uuid.uuid4().hex}.tmp")
            try:
                _write_through(unfinished, data)
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)

    def append(self, name: str, data: bytes) -> None:
        """Add to a file, as `write` does; objects cannot grow, so there a new one begins with `name`."""
        if not self.is_folder:
            self.write(f"{name}-{uuid.uuid4().hex[:8]}", data)
            return
        with _told(name):
            path = Path(self._path(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_through(path, data)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def _write_through(path: Path, data: bytes) -> None:
    """Append to a file and wait for the disk."""
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Have whatever a store's library raises, which is of no common type, told as `StoreError` that names the file."""
    try:
        yield
    except Exception as error:
        raise StoreError(f"{name}: {str(error) or type(error).__name__}") from error
