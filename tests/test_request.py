import base64
import re
import time
from http import HTTPStatus
from typing import Any

import pytest

from handler.errors import RequestError
from handler.request import Request, parse_request

PHOTO = bytes(range(256))
BASE64 = base64.b64encode(PHOTO).decode()


def refused(row: dict[str, Any]) -> str:
    with pytest.raises(RequestError) as caught:
        parse_request(row, {})
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize(
    "row",
    [
        {"body": bytearray(PHOTO)},
        {"data": bytearray(PHOTO)},
        {"body": {"data": BASE64}},
        {"body": {"data": "data:image/jpeg;base64," + BASE64}},
        {"body": {"data": "\n".join(BASE64[i : i + 76] for i in range(0, len(BASE64), 76))}},
        {"body": {"data": BASE64.rstrip("=")}},
        {"body": {"data": base64.urlsafe_b64encode(PHOTO).decode()}},
    ],
    ids=["raw", "multipart or grpc", "json", "data url", "wrapped base64", "unpadded", "url-safe"],
)
def test_the_photo_arrives_as_sent(row: dict[str, Any]) -> None:
    assert parse_request(row, {}).photo == PHOTO


def test_fields_of_multipart_and_grpc_are_options() -> None:
    row = {"data": bytearray(PHOTO), "style": bytearray(b"sketch"), "size": bytearray(b"512")}
    options = parse_request(row, {}).options
    assert (options.style, options.size) == ("sketch", 512)


def test_fields_of_json_are_options_and_may_be_numbers() -> None:
    row = {"body": {"data": BASE64, "style": "composite", "size": 512, "alpha": 0.25}}
    options = parse_request(row, {}).options
    assert (options.style, options.size, options.alpha) == ("composite", 512, 0.25)


def test_headers_are_options_and_content_types_of_parts_are_not() -> None:
    headers = {"portrait-style": "sketch", "style": {"content-type": "text/plain"}}
    assert parse_request({"body": bytearray(PHOTO)}, headers).options.style == "sketch"


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"body": bytearray()},
        {"body": "text"},
        {"body": []},
        {"body": 42},
        {"body": None},
        {"body": {}},
        {"body": {"data": 1}},
        {"body": {"data": None}},
        {"photo": bytearray(PHOTO)},
        {"\ufffdPNG garbled form": ""},
    ],
)
def test_no_photo_is_told_with_how_to_send_one(row: dict[str, Any]) -> None:
    assert "curl -T photo.jpg" in refused(row)


@pytest.mark.parametrize("data", ["!", "AAAAA", "\u00e9", "ÿØÿà", "AA=A", "a.b"])
def test_bad_base64_is_refused(data: str) -> None:
    assert "base64" in refused({"body": {"data": data}})


@pytest.mark.parametrize("value", [True, None, [], {}, ["draw"]])
def test_a_json_option_is_a_text_or_a_number(value: object) -> None:
    assert "style: must be a text or a number" in refused({"body": {"data": BASE64, "style": value}})


def test_unknown_fields_are_refused() -> None:
    assert "model: unknown option" in refused({"body": {"data": BASE64, "model": "x"}})
    assert "body: unknown option" in refused({"data": bytearray(PHOTO), "body": bytearray(PHOTO)})


def as_json(document: bytes, kind: str = "application/json") -> Request:
    """Return what a body comes to that says of itself that it is JSON."""
    return parse_request({"body": bytearray(document)}, {"CONTENT-type": kind})


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", "application/json ; charset=utf-8"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_is_read_however_it_is_spelt(kind: str, encoding: str) -> None:
    text = f'{{"data": "{BASE64}", "style": "composite", "alpha": 1e-05, "size": 256.0}}'
    request = as_json(text.encode(encoding), kind)
    assert request.photo == PHOTO
    assert (request.options.alpha, request.options.size) == (1e-05, 256)


def test_a_photo_that_says_it_is_json_is_a_photo() -> None:
    assert as_json(PHOTO).photo == PHOTO


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b'{"data": "AAAA"', "the body is broken JSON"),
        (b"\xef\xbb\xbf{", "the body is broken JSON"),
        (b'{"data": 1}', "data: must be the photo in base64, got a number"),
        (b'{"data": "AAAA", "size": NaN}', "size: must be native or 64 to 4096, got nan"),
        (b"[" * 1_000_000, "more than 64 members"),
        (b" " * 100 + b"[" * 1_000_000, "more than 64 members"),
        (b'{"data": "", ' + b",".join(b'"%d":1' % i for i in range(100)) + b"}", "more than 64 members"),
        (b'{"data": "AAAA", "size": ' + b"9" * 1_000_000 + b"}", "size: must be at most 4096 bytes, got 1000000: 9999"),
    ],
)
def test_json_is_bounded_and_told_what_is_wrong(document: bytes, message: str) -> None:
    started = time.process_time()
    with pytest.raises(RequestError, match=re.escape(message)):
        as_json(document)
    assert time.process_time() - started < 0.3


def test_what_the_reader_refused_is_refused() -> None:
    error = RequestError(HTTPStatus.BAD_REQUEST, "data: is there twice; send it once")
    assert refused({"body": error}) == error.message
