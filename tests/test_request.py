import base64
from typing import Any

import pytest

from handler.errors import RequestError
from handler.request import parse_request

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
    ],
    ids=["raw", "multipart or grpc", "json", "data url", "wrapped base64"],
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
        {"data": "text"},
        {"photo": bytearray(PHOTO)},
        {"\ufffdPNG garbled form": ""},
    ],
)
def test_no_photo_is_told_with_how_to_send_one(row: dict[str, Any]) -> None:
    assert "curl -T photo.jpg" in refused(row)


@pytest.mark.parametrize("data", ["!", "AAA", "\u00e9", "ÿØÿà"])
def test_bad_base64_is_refused(data: str) -> None:
    assert "base64" in refused({"body": {"data": data}})


@pytest.mark.parametrize("value", [True, None, [], {}, ["draw"]])
def test_a_json_option_is_a_text_or_a_number(value: object) -> None:
    assert "style: must be a text or a number" in refused({"body": {"data": BASE64, "style": value}})


def test_unknown_fields_are_refused() -> None:
    assert "model: unknown option" in refused({"body": {"data": BASE64, "model": "x"}})
    assert "body: unknown option" in refused({"data": bytearray(PHOTO), "body": bytearray(PHOTO)})
