"""A photo as Python programs have it: bytes, the path of a file, or an open file."""

from os import PathLike
from pathlib import Path
from typing import BinaryIO

Photo = bytes | bytearray | memoryview | str | PathLike[str] | BinaryIO


def read_photo(photo: Photo) -> bytes:
    """Return the encoded photo. Raises `OSError` where it cannot be read, `TypeError` for what is no photo."""
    if isinstance(photo, bytes | bytearray | memoryview):
        return bytes(photo)
    if isinstance(photo, str | PathLike):
        return Path(photo).read_bytes()
    data: object = photo.read() if hasattr(photo, "read") else photo
    if not isinstance(data, bytes):
        kind = type(data).__name__
        raise TypeError(f"photo: must be bytes, a path or a file opened with mode 'rb', got {kind}")
    return data
