"""What a server gives."""

import base64
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from portrait_client.writing import write_picture

_MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/webp": b"RIFF",
    "image/svg+xml": b"<svg",
}
SUFFIXES = {"png": (".png",), "jpeg": (".jpg", ".jpeg"), "webp": (".webp",), "svg": (".svg",)}  # the first is written


@dataclass(frozen=True)
class Picture:
    """An encoded picture, and what the server says about it (over gRPC it says nothing).

    Jupyter shows it as the value of a cell.
    """

    data: bytes
    content_type: str  # image/png, image/jpeg, image/webp or image/svg+xml
    style: str | None = None
    size: tuple[int, int] | None = None  # width, height
    weights: str | None = None  # name and the first 12 hex digits of the SHA-256
    precision: str | None = None  # what the network computed in: fp32, bf16, fp16, int8 or int8-w7
    faces: int | None = None  # how many were found, where the frame was to be a face

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the file, whole or not at all, over one that is there; its folder is made.

        Raises `ValueError` for a name that promises another format, `OSError` where it cannot be written.
        """
        target = Path(path)
        promised = format_of(target)
        if promised and _TYPES[promised] != self.content_type:
            raise ValueError(f"{target}: this is {self.content_type}; draw with format={promised!r}, or rename it")
        write_picture(target, self.data, force=True)
        return target

    def _repr_png_(self) -> bytes | None:
        return self.data if self.content_type == "image/png" else None

    def _repr_jpeg_(self) -> bytes | None:
        return self.data if self.content_type == "image/jpeg" else None

    def _repr_svg_(self) -> str | None:
        return self.data.decode() if self.content_type == "image/svg+xml" else None

    def _repr_html_(self) -> str | None:
        """Jupyter has no other way to show a WebP."""
        if self.content_type != "image/webp":
            return None
        return f'<img src="data:image/webp;base64,{base64.b64encode(self.data).decode()}">'


_TYPES = dict(zip(SUFFIXES, _MAGIC, strict=True))


def format_of(path: Path) -> str | None:
    """Return the format that a file's name promises; None for a name that promises none of ours."""
    return next((name for name, suffixes in SUFFIXES.items() if path.suffix.lower() in suffixes), None)


def content_type_of(data: bytes) -> str | None:
    """Return the type of picture that `data` begins like; None when it is none of ours."""
    return next((kind for kind, magic in _MAGIC.items() if data.startswith(magic)), None)
