"""What TorchServe sends a worker, read within bounds: a batch of requests, each with headers and fields.

TorchServe's own reader (ts/protocol/otf_message_handler.py of 0.12.0) takes any number of fields, parses JSON of any
depth, and asks the kernel for each number: a form of six million empty fields took it 96 s and 2.2 GiB. This one keeps
few fields, small but for the photo's, and goes over the rest. Bodies stay bytes.
"""

import struct
from http import HTTPStatus
from typing import Any, Protocol

from handler.errors import RequestError, shown
from handler.request import MOST_FIELD_BYTES, PHOTO_FIELDS

MOST_FIELDS = 32  # nine options and a photo, and room for what is only misspelt
_INT = struct.Struct("!i")
_END = -1  # in place of a length: there are no more
_CHUNK = 1 << 18


class Connection(Protocol):
    """What is used of a socket."""

    def recv(self, size: int, /) -> bytes:
        """Return at least a byte; none at the end."""

    def recv_into(self, target: memoryview, /) -> int:
        """Fill some of `target`; 0 at the end."""


def read_requests(connection: Connection) -> list[dict[str, Any]]:
    """Read a batch, to its end -> a dictionary for each request, as `ts.service.Service.predict` takes them.

    A request with too many or too large fields, or with a field twice, has one field instead, whose value is the
    `RequestError` that says so. Exits when TorchServe is gone.
    """
    reader = _Reader(connection)
    requests = []
    while (length := reader.number()) != _END:
        identity = reader.take(length)
        requests.append({"requestId": identity, "headers": _headers(reader), "parameters": _fields(reader)})
    return requests


def _headers(reader: "_Reader") -> list[dict[str, bytearray]]:
    headers = []
    while (length := reader.number()) != _END:  # as many as netty takes: 8 KiB
        headers.append({"name": reader.take(length), "value": reader.take(reader.number())})
    return headers


def _fields(reader: "_Reader") -> list[dict[str, Any]]:
    fields: dict[str, dict[str, Any]] = {}
    fault = ""
    while (length := reader.number()) != _END:
        if fault or len(fields) == MOST_FIELDS:
            reader.skip_fields(length)
            fault = fault or f"the request has more than {MOST_FIELDS} fields; send the photo and its options"
            break
        name = reader.take(length, MOST_FIELD_BYTES).decode("utf-8", "replace")
        kind = reader.take(reader.number(), MOST_FIELD_BYTES).decode("utf-8", "replace")
        value = reader.take(length := reader.number(), None if name in PHOTO_FIELDS else MOST_FIELD_BYTES)
        if len(value) < length:
            fault = f"{shown(name)}: must be at most {MOST_FIELD_BYTES} bytes, got {length}: {_text(value)}"
        elif name in fields:
            fault = f"{shown(name)}: is there twice; send it once"
        fields[name] = {"name": name, "contentType": kind, "value": value}
    return [_refused(fault)] if fault else list(fields.values())


def _refused(fault: str) -> dict[str, Any]:
    return {"name": "body", "contentType": "", "value": RequestError(HTTPStatus.BAD_REQUEST, fault)}


def _text(value: bytearray) -> str:
    return shown(value[:MOST_FIELD_BYTES].decode("utf-8", "replace"))


class _Reader:
    """Reads ahead, for TorchServe sends nothing after a batch before it has been answered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = b""
        self._at = 0

    def number(self) -> int:
        """Read a big-endian int32."""
        if len(self._buffer) - self._at < _INT.size:
            self._fill()
        (number,) = _INT.unpack_from(self._buffer, self._at)
        self._at += _INT.size
        return int(number)

    def take(self, length: int, most: int | None = None) -> bytearray:
        """Read `length` bytes and return the first `most` of them."""
        kept = length if most is None else min(length, most)
        data = bytearray(kept)
        near = self._buffer[self._at : self._at + kept]
        data[: len(near)] = near
        self._at += len(near)
        with memoryview(data) as view:
            self._receive(view[len(near) :])
        self._skip(length - kept)
        return data

    def skip_fields(self, length: int) -> None:
        """Go over all fields up to the end of the list; `length` is the first one's, which has been read."""
        self._skip(length)
        unpack, size = _INT.unpack_from, _INT.size
        while True:
            buffer, at, last = self._buffer, self._at, len(self._buffer) - size
            while at <= last:  # a field takes a microsecond here, and there may be millions
                (length,) = unpack(buffer, at)
                at += size
                if length < 0:
                    self._at = at
                    return
                at += length
            self._at = min(at, len(buffer))
            self._skip(at - self._at)
            self._fill()

    def _skip(self, length: int) -> None:
        near = min(length, len(self._buffer) - self._at)
        self._at += near
        length -= near
        while length:
            length -= len(self._some(min(length, _CHUNK)))

    def _fill(self) -> None:
        """Have an int32 in the buffer at least."""
        parts = [self._buffer[self._at :]]
        while sum(map(len, parts)) < _INT.size:
            parts.append(self._some(_CHUNK))
        self._buffer, self._at = b"".join(parts), 0

    def _some(self, most: int) -> bytes:
        data = self._connection.recv(most)
        if not data:
            raise SystemExit(0)  # as TorchServe's own does
        return data

    def _receive(self, target: memoryview) -> None:
        while len(target):
            received = self._connection.recv_into(target)
            if not received:
                raise SystemExit(0)
            target = target[received:]
