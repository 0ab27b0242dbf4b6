"""What can go wrong, sorted by who can do something about it."""

import json
from http import HTTPStatus

UNREACHABLE = "Unreachable"  # the type of an error: nobody listens
_LATER = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
    HTTPStatus.INSUFFICIENT_STORAGE,  # TorchServe's, for a worker that was killed or ran out of memory
}
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_BARE = {
    413: "the photo is larger than the server takes",
    404: "there is no portrait model at this address",
}
_WAYS_OUT = {
    401: "give the server's inference key as token (--token or --key-file), or $PORTRAIT_TOKEN",
    404: "the address may lack a path, or name a version that is not served",
    413: "send a smaller photo",
}
_DIED = "Worker died."  # TorchServe's message with a 500, for the requests that a worker took along
_BUSY = "ServiceUnavailableException"  # TorchServe's, for a full queue too; it then speaks of workers alone


class PortraitError(Exception):
    """No picture; `message` says why. `code` is the HTTP status, 0 where there was no answer."""

    def __init__(self, code: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.type = kind
        self.message = message


class RefusedError(PortraitError):
    """The server wants another request: another photo, other options, a valid token (4xx)."""


class UnavailableError(PortraitError):
    """Nobody took the request: busy, starting, or out of reach. Trying later may help."""

    def __init__(self, code: int, kind: str, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(code, kind, message)
        self.retry_after_s = retry_after_s


def error_from(status: int, body: bytes, retry_after: str | None = None) -> PortraitError:
    """Return the error that an answer without a picture tells of."""
    kind, message = _told(status, body)
    wait_s = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
    if kind == _BUSY:
        return busy(wait_s)
    # a drawing has no side effects: to ask twice is safe
    if status in _LATER or message == _DIED:
        return UnavailableError(status, kind, message, wait_s)
    kind_of_error = RefusedError if 400 <= status < 500 else PortraitError
    way_out = _WAYS_OUT.get(status)
    return kind_of_error(status, kind, f"{message.rstrip('.')}; {way_out}" if way_out else message)


def moved(status: int, place: str) -> PortraitError:
    """Return the error for an address that sends its askers elsewhere, which a photo does not follow unasked."""
    return RefusedError(status, "Moved", f"the server is at another address: {place}")


def busy(retry_after_s: float = 0.0) -> UnavailableError:
    """TorchServe's queue is full, or it has no worker."""
    return UnavailableError(503, _BUSY, "the server is busy or has no worker", retry_after_s)


def _told(status: int, body: bytes) -> tuple[str, str]:
    """Type and message of TorchServe's JSON; of what proxies and netty send, the status alone."""
    try:
        told = json.loads(body)
        return str(told["type"]), str(told["message"]).strip()
    except (ValueError, KeyError, TypeError):
        phrase = _PHRASES.get(status, "unknown status")
        return phrase, _BARE.get(status, f"the server answered {status} ({phrase})")
