"""A line of JSON for each request that reached a worker: what came of it, and nothing of what was in it."""

import datetime
import json
import re
from collections.abc import Mapping

from handler.answer import Answer
from handler.errors import RequestError
from handler.request import PHOTO_FIELDS, Headers, Row

_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")  # as deploy/nginx/clients.conf takes them


def request_id(headers: Headers, own: str) -> str:
    """Return the id that a request came with, where it is short and plain, and else TorchServe's `own` for it."""
    given = next((value for name, value in headers.items() if name.lower() == "x-request-id"), "")
    return given if isinstance(given, str) and _GIVEN.fullmatch(given) else own


def line(name: str, row: Row, outcome: Answer | RequestError | None, seconds: Mapping[str, float]) -> str:
    """Return the line of a request called `name`; `seconds` are its batch's, stage by stage.

    Without an `outcome` it has failed, and TorchServe says with which status.
    """
    photo = next((row[field] for field in PHOTO_FIELDS if field in row), b"")
    drawn = outcome if isinstance(outcome, Answer) else None
    told = {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds"),
        "id": name,
        "outcome": "drawn" if drawn else "refused" if outcome else "failed",
        "status": int(outcome.status) if outcome else None,
        "style": drawn.headers["Portrait-Style"] if drawn else None,
        "picture": drawn.headers["Portrait-Size"] if drawn else None,
        "received": len(photo) if isinstance(photo, bytes | bytearray) else 0,
        "sent": len(drawn.body) if drawn else 0,
        "seconds": {stage: round(number, 4) for stage, number in seconds.items()},
    }
    return json.dumps(told)
