"""A worker's reader of what TorchServe sends, on real sockets; what it reads is what TorchServe's own reader reads."""

import socket
import struct
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from ts.protocol import otf_message_handler

from handler.errors import RequestError
from handler.message import MOST_FIELDS, read_requests
from handler.request import MOST_FIELD_BYTES

Field = tuple[bytes, bytes, bytes]  # name, content type, value
HEADERS = ((b"Portrait-Style", b"sketch"), (b"url_path", b"predictions/portrait"))
PHOTO = bytes(range(256)) * 4000


def message(*requests: Sequence[Field]) -> bytes:
    """Return a batch as Java sends it (org.pytorch.serve.util.codec.ModelRequestEncoder)."""
    return b"".join(map(_request, requests)) + struct.pack("!i", -1)


TORCHSERVES = otf_message_handler._retrieve_inference_msg  # before a handler of this process puts ours in its place


def _request(fields: Sequence[Field]) -> bytes:
    headers = b"".join(_text(part) for header in HEADERS for part in header)
    end = struct.pack("!i", -1)
    return _text(b"id-1") + headers + end + b"".join(_text(part) for field in fields for part in field) + end


def _text(text: bytes) -> bytes:
    return struct.pack("!i", len(text)) + text


def read(sent: bytes, reader: Any = read_requests) -> Any:
    """Return what a reader makes of it, from a socket that is written to in the meantime."""
    ours, its = socket.socketpair()
    with ours, its:
        sender = threading.Thread(target=ours.sendall, args=(sent,))
        sender.start()
        requests = reader(its)
        sender.join()
        its.setblocking(False)
        with pytest.raises(BlockingIOError):
            its.recv(1)  # nothing is left of it
        return requests


@pytest.mark.parametrize(
    "fields",
    [
        [(b"body", b"image/jpeg", PHOTO)],
        [(b"data", b"application/octet-stream", PHOTO), (b"style", b"", b"sketch"), (b"size", b"", b"")],
        [],
        [(b"body", b"", b"")],
    ],
)
def test_a_request_is_read_as_torchserve_reads_it(fields: list[Field]) -> None:
    sent = message(fields, fields)
    assert read(sent) == read(sent, TORCHSERVES)


def test_bodies_stay_bytes() -> None:
    (request,) = read(message([(b"body", b"application/json", b"{}")]))
    assert request["parameters"][0]["value"] == b"{}"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ([(b"data", b"", PHOTO), (b"data", b"", PHOTO)], "data: is there twice; send it once"),
        ([(b"data", b"", PHOTO), (b"style", b"", b"x" * 5000)], "style: must be at most 4096 bytes, got 5000: xxx"),
        ([(b"%d" % i, b"", b"") for i in range(MOST_FIELDS + 1)], "more than 32 fields"),
        (
            [(b"a" * 9, b"b" * 9, PHOTO) for _ in range(MOST_FIELDS)] + [(b"a", b"", PHOTO)],
            "must be at most 4096 bytes",
        ),
        ([(b"%d" % i, b"", b"") for i in range(MOST_FIELDS)] + [(PHOTO, PHOTO, PHOTO)] * 3, "more than 32 fields"),
    ],
    ids=["twice", "long", "many", "many of one name", "many and long"],
)
def test_a_request_over_the_bounds_is_refused_and_its_neighbour_read(fields: list[Field], told: str) -> None:
    refused, neighbour = read(message(fields, [(b"body", b"", PHOTO)]))
    (field,) = refused["parameters"]
    assert isinstance(field["value"], RequestError)
    assert told in field["value"].message
    assert len(field["value"].message) < 200
    assert neighbour["parameters"][0]["value"] == PHOTO


def test_no_name_or_type_is_kept_longer_than_an_option() -> None:
    (request,) = read(message([(b"a" * 9999, b"b" * 9999, b"c")]))
    field = request["parameters"][0]
    assert len(field["name"]) == len(field["contentType"]) == MOST_FIELD_BYTES


@pytest.mark.parametrize("names", [(b"a",), (b"", b"a", b"bc")], ids=["one name", "three"])
def test_a_million_fields_are_gone_over_in_a_moment(names: Sequence[bytes]) -> None:
    few = [(name, b"", b"") for name in names]
    sent = message(few * (1_000_000 // len(few)))
    started = time.process_time()
    (request,) = read(sent)
    assert isinstance(request["parameters"][0]["value"], RequestError)
    assert time.process_time() - started < 3  # TorchServe's own takes ten times as long


def test_a_worker_ends_with_its_torchserve() -> None:
    ours, its = socket.socketpair()
    with its:
        ours.sendall(message([(b"body", b"", PHOTO[:100])])[:90])
        ours.close()
        with pytest.raises(SystemExit):
            read_requests(its)
