"""Files that are whole or not there, and what their bytes are: for `scripts` and `model` alike.

The standard library alone: the image runs this without the rest of `model`, and a bare Python before anything is
installed. `portrait_client`, a package of its own, has its own.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_BLOCK_BYTES = 1 << 20


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Lend the name of a new, empty file beside `path`; when the block ends without an error it becomes `path`.

    It has the suffix of `path`, for libraries that go by it. What must be checked before anybody sees the file is
    checked in the block. After an error `path` is as it was, and nothing lies beside it. Writers of one path do not
    disturb each other: the last to finish stays. Raises `OSError`.
    """
    unfinished = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    unfinished.open("xb").close()  # made by us and with the process's umask, which libraries may not care for
    try:
        yield unfinished
        move_into_place(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `content`, text as UTF-8, to `path`: readers see what was there before or all of it. Raises `OSError`."""
    with whole(path) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


def move_into_place(finished: Path, path: Path) -> None:
    """Rename `finished`, a file on the same disk, to `path`; a file that was there lends it its permissions.

    The bytes are on the disk before the name is: after a power failure there is the old file or the new one.
    """
    with suppress(FileNotFoundError):
        shutil.copymode(path, finished)
    with finished.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(finished, path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits; raises `OSError`. For 170 MB of weights a block at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
