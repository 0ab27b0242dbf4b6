"""One row of TorchServe's data -> the photo's bytes and the options.

Four ways in end here: the raw body and JSON (`body`), multipart and gRPC (`data` and fields).
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from handler.errors import RequestError, refuse, shown
from handler.options import Options, parse_options

HOW_TO_SEND = (
    "send it as the raw body (curl -T photo.jpg), as multipart part data (curl -F data=@photo.jpg)"
    ' or as JSON {"data": "<base64>"}'
)
Row = Mapping[
    str, Any
]  # name of a part or field -> bytes or text; or `body` -> the body's bytes, JSON or what is wrong
Headers = Mapping[str, Any]  # name -> text; TorchServe puts more there

PHOTO_FIELDS = ("body", "data")
MOST_FIELD_BYTES = 4096  # of an option, which has some ten; netty takes as much of all headers
# An object in base64 and some options has a few members. Each is worth some hundred bytes once it is parsed, so that
# 28 MiB of commas would be gigabytes.
_MOST_JSON_MEMBERS = 64
_DATA_URL = re.compile(r"data:[^,]{0,100};base64,")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")  # RFC 4648, 5


class _Number(str):
    """A number of a JSON document, as it is written there."""

    __slots__ = ()


class Request(NamedTuple):
    """What a client asks for."""

    photo: bytes
    options: Options


def parse_request(row: Row, headers: Headers) -> Request:
    """Parse a row as TorchServe hands it over, and its headers.

    Raises `RequestError` (400) when there is no photo or an option is wrong.
    """
    # beside strings, TorchServe puts the content type of each multipart part there
    texts = {name: value for name, value in headers.items() if isinstance(value, str)}
    photo, fields = _from_body(row["body"], _media_type(texts)) if set(row) == {"body"} else _from_fields(row)
    if not photo:
        refuse(f"photo: it is empty; {HOW_TO_SEND}")
    return Request(photo, parse_options(texts, fields))


def _media_type(headers: Mapping[str, str]) -> str:
    sent = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return sent.partition(";")[0].strip().lower()


def _from_body(body: Any, media_type: str) -> tuple[bytes, dict[str, str]]:
    if isinstance(body, RequestError):
        raise body
    if isinstance(body, bytes | bytearray) and media_type == "application/json":
        body = _parsed(body)
    if isinstance(body, dict):
        return _from_json(body)
    if not isinstance(body, bytes | bytearray):
        refuse(f"photo: the body is {_kind(body)}, not a photo; {HOW_TO_SEND}")
    return bytes(body), {}


def _parsed(body: bytes | bytearray) -> Any:
    """Return what a JSON document says; one that does not look like JSON as it is, for it may be a photo."""
    if sum(map(body.count, (b",", b"{", b"["))) > _MOST_JSON_MEMBERS and _looks_like_json(body):
        refuse(f"photo: the JSON has more than {_MOST_JSON_MEMBERS} members; {HOW_TO_SEND}")
    try:
        # bytes: in any encoding of RFC 4627, with a byte order mark or without
        return json.loads(body, parse_int=_Number, parse_float=_Number)
    except ValueError:
        if _looks_like_json(body):
            refuse(f"photo: the body is broken JSON; {HOW_TO_SEND}")
        return body


def _looks_like_json(body: bytes | bytearray) -> bool:
    return body.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] in (b"{", b"[", b'"')


def _from_json(body: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    data = body.get("data")
    if not isinstance(data, str) or isinstance(data, _Number):
        refuse(f"data: must be the photo in base64, got {_kind(data)}; {HOW_TO_SEND}")
    fields = {name: _scalar(name, value) for name, value in body.items() if name != "data"}
    try:
        return _from_base64(data), fields
    except ValueError:
        refuse(f"data: must be the photo in base64, got {shown(data)}")


def _from_base64(text: str) -> bytes:
    """Decode either alphabet, in lines or not, padded or not, as a data URL or not. Raises `ValueError`."""
    scheme = _DATA_URL.match(text)
    plain = text[scheme.end() if scheme else 0 :].encode("ascii").translate(_URL_SAFE, b" \t\r\n").rstrip(b"=")
    return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)


def _from_fields(row: Row) -> tuple[bytes, dict[str, str]]:
    data = row.get("data")
    if not isinstance(data, bytes | bytearray):
        refuse(f"photo: there is none; {HOW_TO_SEND}")
    return bytes(data), {name: _text(value) for name, value in row.items() if name != "data"}


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace") if not isinstance(value, str) else value


def _scalar(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        refuse(f"{shown(name)}: must be a text or a number, got {_kind(value)}")
    if len(text := str(value)) > MOST_FIELD_BYTES:
        refuse(f"{shown(name)}: must be at most {MOST_FIELD_BYTES} bytes, got {len(text)}: {shown(text)}")
    return text


_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a number")
