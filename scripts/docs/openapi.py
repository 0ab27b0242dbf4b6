"""The API as a document of OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html): what the proxy lets through."""

from typing import Any

from handler.options import OPTIONS
from portrait_client import __version__
from scripts.docs.answers import ERROR, HEADERS, responses
from scripts.docs.option_schemas import parameters, schemas
from scripts.serving.settings import VERSION

_PHOTO = {"type": "string", "format": "binary"}
# A white disc of 64 x 64 pixels, so that the example of JSON is one that is drawn.
_DISC = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAdUlEQVR42sXQsRHCMBBE0aeTZ0gIHBK6E0SnlKJSVIIL"
    "MBaBh0E0YDb683dug+NPue/IaClVyL03gomZ4MaVYCEICon4bGQqUg0JyreKA5fRTDCP5gTYYB3NDm00HaqMwuNnp9IJmuPSpfeVYOOAF8/hq2fmDe5J"
    "Gf8iVD0tAAAAAElFTkSuQmCC"
)
_STATUSES = {
    "200": "Picture",
    "400": "BadRequest",
    "401": "Unauthorized",
    "404": "NotFound",
    "405": "MethodNotAllowed",
    "413": "PayloadTooLarge",
    "429": "TooManyRequests",
    "500": "InternalServerError",
    "503": "ServiceUnavailable",
}
_ABOUT = """A photo of a person in, a line drawing out.

The photo is the raw body, the part `data` of multipart, or JSON with `data` in base64. Options are headers with any of
these, or fields of multipart and JSON; a field beats its header, and names and values are read in any case. Options
that do not go together, unknown fields and unknown `Portrait-` headers are refused. Nothing is read from the query.

This is REST as `deploy/nginx` passes it on; TorchServe alone answers photos the same, without 401, 405, 429 and
`Retry-After`. It also describes itself: its answer to `OPTIONS /predictions/portrait` names the path
`/prediction/portrait`, which there is not, and neither options nor pictures. Go by this document."""
_VERSION = {
    "name": "version",
    "in": "path",
    "required": True,
    "description": "One version of the model; without it, the default one.",
    "schema": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)*$"},
    "example": VERSION,
}


def document() -> dict[str, Any]:
    """Return the whole document, as JSON."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Portrait",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {"url": "/", "description": "where this document was found: the proxy"},
            {"url": "http://127.0.0.1:8080", "description": "TorchServe on this machine"},
        ],
        "security": [{}, {"key": []}],
        "paths": _paths(),
        "components": _components(),
    }


def _paths() -> dict[str, Any]:
    return {
        "/predictions/portrait": {
            "post": _draw("draw", "Draw a photo"),
            "put": _draw("drawByPut", "The same, as `curl -T` sends it"),
        },
        "/predictions/portrait/{version}": {
            "parameters": [_VERSION],
            "post": _draw("drawByVersion", "Draw a photo with one version of the model"),
        },
        "/ping": {"get": _ping()},
    }


def _draw(name: str, summary: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [{"$ref": f"#/components/parameters/{option}"} for option in OPTIONS],
        "requestBody": {"$ref": "#/components/requestBodies/Photo"},
        "responses": {status: {"$ref": f"#/components/responses/{answer}"} for status, answer in _STATUSES.items()},
    }


def _ping() -> dict[str, Any]:
    health = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}
    healthy = {"schema": health, "example": {"status": "Healthy"}}
    away = {status: {"$ref": f"#/components/responses/{_STATUSES[status]}"} for status in ("401", "500", "503")}
    return {
        "operationId": "ping",
        "summary": "Whether the process is there; that it can draw is another question",
        "responses": {"200": {"description": "It is.", "content": {"application/json": healthy}}, **away},
    }


def _components() -> dict[str, Any]:
    return {
        "schemas": {
            **schemas(),
            "Form": _with_options({**_PHOTO, "description": "the photo"}),
            "Document": _with_options(_BASE64),
            "Error": ERROR,
        },
        "parameters": parameters(),
        "requestBodies": {"Photo": _photo()},
        "responses": responses(),
        "headers": dict(HEADERS),
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "Where keys are asked for."}},
    }


_BASE64 = {
    "type": "string",
    "format": "byte",
    "contentEncoding": "base64",
    "description": "the photo in base64, either alphabet, or as a `data:` URL",
}


def _with_options(data: dict[str, Any]) -> dict[str, Any]:
    options = {name: {"$ref": f"#/components/schemas/{name}"} for name in OPTIONS}
    return {
        "type": "object",
        "required": ["data"],
        "properties": {"data": data, **options},
        "additionalProperties": False,
    }


def _photo() -> dict[str, Any]:
    sketch = {"summary": "a sketch", "value": {"style": "sketch", "size": 128, "data": _DISC}}
    return {
        "description": "A JPEG, PNG, WebP, GIF, AVIF or HEIC (of several pictures the first), told by its content.",
        "required": True,
        "content": {
            "image/*": {"schema": _PHOTO},
            "application/octet-stream": {"schema": _PHOTO},
            "multipart/form-data": {"schema": {"$ref": "#/components/schemas/Form"}},
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Document"},
                "examples": {"sketch": sketch},
            },
        },
    }
