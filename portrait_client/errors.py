"""What can go wrong, sorted by who can do something about it."""

import json
from http import HTTPStatus

_LATER = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_BARE = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the photo is larger than the server takes",
    HTTPStatus.NOT_FOUND: "there is no portrait model at this address",
}


class PortraitError(Exception):
    """No picture; `message` says why. `code` is the HTTP status, 0 where there was no answer."""

    def __init__(self, code: int, type: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.type = type
        self.message = message


class RefusedError(PortraitError):
    """The server wants another request: another photo, other options, a valid token (4xx)."""


class UnavailableError(PortraitError):
    """Nobody took the request: busy, starting, or out of reach. Trying later may help."""

    def __init__(self, code: int, type: str, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(code, type, message)
        self.retry_after_s = retry_after_s


def error_from(status: int, body: bytes, retry_after: str | None = None) -> PortraitError:
    """An answer that is no picture -> the error that it tells of."""
    type, message = _told(status, body)
    if status in _LATER:
        wait_s = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
        return UnavailableError(status, type, message, wait_s)
    return (RefusedError if 400 <= status < 500 else PortraitError)(status, type, message)


def _told(status: int, body: bytes) -> tuple[str, str]:
    """Type and message of TorchServe's JSON; of what proxies and netty send, the status alone."""
    try:
        told = json.loads(body)
        return str(told["type"]), str(told["message"]).strip()
    except (ValueError, KeyError, TypeError):
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "no HTTP status"
        return phrase, _BARE.get(HTTPStatus(status), f"the server answered {status} ({phrase})")
