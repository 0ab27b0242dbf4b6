"""What the service answers, as responses of OpenAPI; messages are taken from where they are made."""

import json
import re
from collections.abc import Mapping
from typing import Any

from handler.errors import RequestError
from handler.options import MEDIA_TYPES, parse_options
from handler.settings import Settings
from scripts.serving.paths import ROOT

_PROXY_ERRORS = ROOT / "deploy" / "nginx" / "errors.conf"
_WRONG: Mapping[str, Mapping[str, str]] = {
    "a value out of its range": {"size": "7"},
    "an option that is none": {"stile": "draw"},
    "options that do not go together": {"background": "transparent", "format": "jpeg"},
}
ERROR = {
    "description": "What is wrong, and what to do.",
    "type": "object",
    "required": ["code", "type", "message"],
    "properties": {
        "code": {"type": "integer", "description": "The status."},
        "type": {"type": "string", "description": "The status for programs, or the name of TorchServe's exception."},
        "message": {"type": "string"},
    },
}
HEADERS: Mapping[str, Any] = {
    "Portrait-Style": {
        "description": "What was drawn.",
        "required": True,
        "schema": {"type": "string"},
        "example": "draw",
    },
    "Portrait-Size": {
        "description": "Width and height of the picture in pixels.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+x[0-9]+$"},
        "example": "512x512",
    },
    "Portrait-Weights": {
        "description": "Name of the weights, and the first 12 digits of their SHA-256: other weights, other pictures.",
        "required": True,
        "schema": {"type": "string", "pattern": "^.+ [0-9a-f]{12}$"},
        "example": "u2netp-portrait-lite 0123456789ab",
    },
    "Portrait-Precision": {
        "description": "What the network computed in.",
        "required": True,
        "schema": {"type": "string"},
        "example": "int8",
    },
    "Portrait-Faces": {
        "description": "How many faces were found; with `frame=face` only.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "1",
    },
    "X-Request-ID": {
        "description": "What logs call the request: the id that it came with, if the proxy took it, or a new one.",
        "schema": {"type": "string"},
        "example": "25b07d4c-74f7-4f9a-a89e-ea6e8f0f9177",
    },
}


def responses() -> dict[str, Any]:
    """Name -> response, of all that are answered to a photo."""
    limits = Settings()
    largest = f"{limits.megabytes} MB or {limits.megapixels} megapixels ({limits.jpeg_megapixels} as a JPEG)"
    return {
        "Picture": _picture(),
        "BadRequest": _error("No photo, a damaged one, no such format, or a wrong option.", _refused()),
        "Unauthorized": _error("The proxy asks for a key, and this is none of its keys.", _of_proxy(401)),
        "NotFound": _error("No such path, model or version."),
        "MethodNotAllowed": _error("Photos come by POST or PUT.", _of_proxy(405)),
        "PayloadTooLarge": _error(
            f"A photo of more than {largest}, or a body over 28 MiB, of which TorchServe alone says nothing.",
            _of_proxy(413),
        ),
        "TooManyRequests": _later("The proxy's limit for one client.", _of_proxy(429)),
        "InternalServerError": _error("A fault of the service."),
        "ServiceUnavailable": _later("The queue is full, no worker is there, or TorchServe starts.", _of_proxy(503)),
    }


def _picture() -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        "description": "The picture in sRGB, without a byte of the upload. The same request gives the same bytes on "
        "the same machine.",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS},
        "content": dict.fromkeys(MEDIA_TYPES.values(), binary),
    }


def _error(description: str, examples: Mapping[str, Any] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Error"}}
    if examples:
        content["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {"description": description, "content": {"application/json": content}}


def _later(description: str, examples: Mapping[str, Any]) -> dict[str, Any]:
    retry = {"description": "Seconds to wait; from the proxy.", "schema": {"type": "integer"}}
    return _error(description, examples) | {"headers": {"Retry-After": retry}}


def _refused() -> dict[str, Any]:
    """Meaning -> the handler's answer to wrong options."""
    return {meaning: _refusal(fields) for meaning, fields in _WRONG.items()}


def _refusal(fields: Mapping[str, str]) -> dict[str, int | str]:
    try:
        parse_options({}, fields)
    except RequestError as error:
        return error.body()
    raise ValueError(f"{fields} are no longer wrong options; name others in scripts/docs/answers.py")


def _of_proxy(status: int) -> dict[str, Any]:
    """Return the proxy's own answer with that status, as an example."""
    bodies = re.findall(rf"return {status} '(.+)\\n';", _PROXY_ERRORS.read_text())
    return {"of the proxy": json.loads(bodies[0])}
