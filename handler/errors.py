"""What a client can fix, with the status that says so."""

from http import HTTPStatus
from typing import NoReturn

_TYPES = {
    HTTPStatus.BAD_REQUEST: "BadRequest",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "PayloadTooLarge",
    HTTPStatus.REQUEST_TIMEOUT: "RequestTimeout",
}
_SHOWN_CHARACTERS = 64


class RequestError(Exception):
    """A request that cannot be served as it is; `message` says what to change."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def body(self) -> dict[str, int | str]:
        """Return the answer in the shape of TorchServe's own errors."""
        return {"code": int(self.status), "type": _TYPES[self.status], "message": self.message}


def refuse(message: str) -> NoReturn:
    """Raise the 400 that says `message`."""
    raise RequestError(HTTPStatus.BAD_REQUEST, message)


def shown(value: str) -> str:
    """Return a client's text made safe to quote: printable ASCII, at most 64 characters."""
    head = value[:_SHOWN_CHARACTERS]
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in head)
