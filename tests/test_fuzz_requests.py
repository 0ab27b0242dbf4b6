"""Requests and options that nobody would think of, seeded: each is parsed, or refused in a sentence fit to be sent.

2,000 in all; more with HYPOTHESIS_EXAMPLES=100000 in the environment.
"""

import json
import os
import socket
import struct
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ts.protocol import otf_message_handler
from ts.service import Service

from handler.errors import RequestError
from handler.message import MOST_FIELDS, read_requests
from handler.options import OPTIONS, Options, parse_options
from handler.request import parse_request

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "2000"))
# the same every time, and nothing is written into the checkout
seeded = settings(max_examples=EXAMPLES // 4, derandomize=True, database=None, deadline=None)

NAMES = st.sampled_from([*OPTIONS, "data", "body", "Style", "stile"]) | st.text(max_size=20)
VALUES = st.one_of(
    st.sampled_from([name for option in OPTIONS.values() for name in option.names]),
    st.floats().map(str),
    st.integers().map(str),
    st.from_regex(r"#[0-9a-fA-F]{5,7}", fullmatch=True),
    st.text(max_size=70),
)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=4)
HEADERS = st.dictionaries(
    NAMES.map(lambda name: f"Portrait-{name}") | st.sampled_from(["Accept", "accept", "Content-Type"]),
    VALUES | st.sampled_from(["image/webp;q=0.5, */*", "application/json", "APPLICATION/JSON ;a", "image/;q=q"]),
    max_size=4,
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | VALUES
DOCUMENTS = st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=2), max_size=4)
BODIES = st.one_of(
    DOCUMENTS.map(lambda document: json.dumps(document).encode()),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5).map(
        lambda document: json.dumps(document).encode("utf-8-sig")
    ),
    st.binary(max_size=200),
    st.binary(max_size=50).map(lambda tail: b'{"data": "' + tail),
)


def check_sentence(error: RequestError) -> None:
    """Check that an answer quotes nothing dangerous, and not much."""
    assert error.status in (400, 413)
    assert 10 < len(error.message) < 400
    assert error.message.isascii()
    assert error.message.isprintable()


def check_options(options: Options) -> None:
    """Check that parsed options can be written as a client writes them, and are within their ranges."""
    texts = {name: OPTIONS[name].text(getattr(options, name)) for name in ("style", "frame", "scene", "line", "format")}
    assert parse_options({}, texts).style == options.style
    assert options.size is None or 64 <= options.size <= 4096
    assert 0 <= options.alpha <= 1
    assert 0 <= options.sigma <= 50


@seeded
@given(HEADERS, FIELDS)
def test_options_are_parsed_or_refused(headers: Mapping[str, str], fields: Mapping[str, str]) -> None:
    try:
        check_options(parse_options(headers, fields))
    except RequestError as error:
        check_sentence(error)


@seeded
@given(BODIES, st.sampled_from(["", "application/json", "Application/JSON; charset=x", "image/jpeg"]))
def test_a_body_is_a_photo_or_refused(body: bytes, kind: str) -> None:
    try:
        assert parse_request({"body": bytearray(body)}, {"content-type": kind}).photo
    except RequestError as error:
        check_sentence(error)


@seeded
@given(st.dictionaries(NAMES, st.binary(max_size=50) | VALUES.map(str.encode), max_size=4), HEADERS)
def test_parts_are_a_photo_and_options_or_refused(parts: Mapping[str, bytes], headers: Mapping[str, str]) -> None:
    row = {name: bytearray(value) for name, value in parts.items()}
    try:
        assert parse_request(row, {**headers, "data": {"content-type": ""}}).photo
    except RequestError as error:
        check_sentence(error)


TORCHSERVES = otf_message_handler._retrieve_inference_msg  # before a handler of this process puts ours in its place
TEXTS = st.binary(max_size=30)
FEW = st.lists(st.tuples(TEXTS, st.just(b""), TEXTS), max_size=4)
MANY = st.integers(MOST_FIELDS, MOST_FIELDS + 2).map(lambda count: [(b"%d" % i, b"", b"") for i in range(count)])
BATCHES = st.lists(FEW | MANY, max_size=3)


@seeded
@given(BATCHES)
def test_a_batch_is_read_as_torchserve_reads_it_or_refused(batch: list[list[tuple[bytes, bytes, bytes]]]) -> None:
    sent = b"".join(struct.pack("!i", 1) + b"i" + _end() + _fields(fields) for fields in batch) + _end()
    ours = rows_of(sent, read_requests)
    try:
        theirs = rows_of(sent, TORCHSERVES)
    except UnicodeDecodeError:  # Java sends no such name; theirs would end the worker
        return
    for row, other, fields in zip(ours, theirs, batch, strict=True):
        is_plain = len({name for name, _, _ in fields}) == len(fields) <= MOST_FIELDS
        assert row == other if is_plain else isinstance(row["body"], RequestError)


def rows_of(sent: bytes, reader: Any) -> Any:
    """Return what a worker hands the handler of a batch, read by `reader`."""
    java, worker = socket.socketpair()
    with java, worker:
        java.sendall(sent)
        return Service.retrieve_data_for_inference(reader(worker))[1]


def _fields(fields: list[tuple[bytes, bytes, bytes]]) -> bytes:
    return b"".join(struct.pack("!i", len(text)) + text for field in fields for text in field) + _end()


def _end() -> bytes:
    return struct.pack("!i", -1)
