"""One row of TorchServe's data -> the photo's bytes and the options.

Four ways in end here: the raw body and JSON (`body`), multipart and gRPC (`data` and fields).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from handler.errors import refuse, shown
from handler.options import Options, parse_options

HOW_TO_SEND = (
    "send it as the raw body (curl -T photo.jpg), as multipart part data (curl -F data=@photo.jpg)"
    ' or as JSON {"data": "<base64>"}'
)
Row = Mapping[str, Any]  # name of a part or field -> bytes or text; or `body` -> the body's bytes, or its JSON
Headers = Mapping[str, Any]  # name -> text; TorchServe puts more there

_DATA_URL = re.compile(r"data:[^,]{0,100};base64,")


class Request(NamedTuple):
    """What a client asks for."""

    photo: bytes
    options: Options


def parse_request(row: Row, headers: Headers) -> Request:
    """Parse a row as TorchServe hands it over, and its headers.

    Raises `RequestError` (400) when there is no photo or an option is wrong.
    """
    photo, fields = _from_body(row["body"]) if set(row) == {"body"} else _from_fields(row)
    if not photo:
        refuse(f"photo: it is empty; {HOW_TO_SEND}")
    # beside strings, TorchServe puts the content type of each multipart part there
    texts = {name: value for name, value in headers.items() if isinstance(value, str)}
    return Request(photo, parse_options(texts, fields))


def _from_body(body: Any) -> tuple[bytes, dict[str, str]]:
    if isinstance(body, dict):
        return _from_json(body)
    if not isinstance(body, bytes | bytearray):
        refuse(f"photo: the body is {_kind(body)}, not a photo; {HOW_TO_SEND}")
    return bytes(body), {}


def _from_json(body: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    data = body.get("data")
    if not isinstance(data, str):
        refuse(f"data: must be the photo in base64, got {_kind(data)}; {HOW_TO_SEND}")
    fields = {name: _scalar(name, value) for name, value in body.items() if name != "data"}
    try:
        return base64.b64decode("".join(_DATA_URL.sub("", data, 1).split()), validate=True), fields
    except (binascii.Error, ValueError):
        refuse(f"data: must be the photo in base64, got {shown(data)}")


def _from_fields(row: Row) -> tuple[bytes, dict[str, str]]:
    data = row.get("data")
    if isinstance(data, str):
        refuse(f"photo: the part data is text, not a photo; {HOW_TO_SEND}")
    if not isinstance(data, bytes | bytearray):
        refuse(f"photo: there is none; {HOW_TO_SEND}")
    return bytes(data), {name: _text(value) for name, value in row.items() if name != "data"}


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace") if not isinstance(value, str) else value


def _scalar(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        refuse(f"{shown(name)}: must be a text or a number, got {_kind(value)}")
    return str(value)


_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a number")
