"""What a server gives."""

from dataclasses import dataclass

_MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/webp": b"RIFF",
    "image/svg+xml": b"<svg",
}


@dataclass(frozen=True)
class Picture:
    """An encoded picture, and what the server says about it (over gRPC it says nothing)."""

    data: bytes
    content_type: str  # image/png, image/jpeg, image/webp or image/svg+xml
    style: str | None = None
    size: tuple[int, int] | None = None  # width, height
    weights: str | None = None  # name and the first 12 hex digits of the SHA-256
    precision: str | None = None  # what the network computed in: fp32, bf16, fp16, int8 or int8-w7
    faces: int | None = None  # how many were found, where the frame was to be a face


def content_type_of(data: bytes) -> str | None:
    """Return the type of picture that `data` begins like; None when it is none of ours."""
    return next((kind for kind, magic in _MAGIC.items() if data.startswith(magic)), None)
