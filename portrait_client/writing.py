"""Files are written whole or not at all, and folders tried before anything is drawn for them."""

import errno
import os
import tempfile
import threading
from pathlib import Path


def write_picture(path: Path, data: bytes, force: bool) -> None:
    """Write `data`, whole or not at all. Raises `FileExistsError` when `path` is there, unless forced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # a name of its own: with more at its end, a name of legal length would be too long
    unfinished = path.with_name(f".portrait-{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        unfinished.write_bytes(data)
        if force:
            unfinished.replace(path)
        else:
            _rename_anew(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _rename_anew(unfinished: Path, path: Path) -> None:
    try:
        os.link(unfinished, path)  # unlike a rename it never overwrites
    except FileExistsError:
        raise
    except OSError:  # some file systems have no links
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        unfinished.replace(path)


def why_unwritable(folder: Path) -> str:
    """Why no file can be made in `folder`, or in what is there of the way to it; empty when one can."""
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    try:
        with tempfile.TemporaryFile(dir=there):
            return ""
    except OSError as error:
        return error.strerror or str(error)
