"""The least photo that tells whether a server draws, and how to tell.

Quick to import, for a probe does that every few seconds.
"""

import http.client
import io
import time
from contextlib import closing
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from urllib.parse import urlsplit

from PIL import Image, ImageDraw

from scripts.serving.keys import key_of
from scripts.serving.settings import MODEL, read_properties

SIDE = 64  # as picture and as photo: a sixtieth of what the network sees otherwise (handler/sight.py)
NEXT_SECONDS = 2.0
AGAIN_SECONDS = 0.2
_BUSY = (503, 507)  # a full queue, and a worker that was killed under the canary: neither says that none draws


class CanaryError(Exception):
    """The server did not draw the canary; the message tells why."""


class BusyError(CanaryError):
    """The server had no place for the canary just now."""


def photo() -> bytes:
    """Return a PNG of 64 x 64 pixels in which any weights find lines: a face of two discs and two strokes."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((8, 4, 56, 60), fill=(214, 170, 140), outline="black", width=3)
    for x in (22, 36):
        draw.ellipse((x, 22, x + 7, 28), fill="black")
    draw.line((24, 46, 40, 46), fill="black", width=3)
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def check(picture: bytes) -> None:
    """Raise `CanaryError` unless `picture` is a PNG of 64 x 64 pixels with ink on it."""
    try:
        with Image.open(io.BytesIO(picture), formats=("PNG",)) as opened:
            size, (darkest, lightest) = opened.size, opened.convert("L").getextrema()
    except (OSError, SyntaxError) as error:  # Pillow's own for a PNG that is broken
        raise CanaryError(f"the answer is not a PNG: {picture[:40]!r}") from error
    if size != (SIDE, SIDE):
        raise CanaryError(f"the picture must be {SIDE} x {SIDE} pixels, got {size[0]} x {size[1]}")
    if darkest == lightest:
        raise CanaryError(f"the picture is blank: all of it is {darkest}")


def draw(folder: Path, seconds: float) -> None:
    """Have the server that runs from `folder` draw the canary; raise `CanaryError` when it does not within `seconds`.

    A worker that hangs keeps a canary for itself, so another one is sent after it while time is left. So is it where
    the queue is full: at an overload somebody draws, and a place becomes free.
    """
    outcomes: Queue[CanaryError | None] = Queue()
    deadline = time.monotonic() + seconds
    reason = CanaryError(f"no picture came within {seconds:g} s")
    while (left := deadline - time.monotonic()) > 0:
        # a daemon: one that waits for a worker that hangs must not keep the process
        Thread(target=lambda wait=left: outcomes.put(_outcome(folder, wait)), daemon=True).start()
        try:
            outcome = outcomes.get(timeout=min(left, NEXT_SECONDS))
        except Empty:
            continue
        if outcome is None:
            return
        if not isinstance(outcome, BusyError):
            raise outcome
        reason = outcome
        time.sleep(AGAIN_SECONDS)
    raise reason


def _outcome(folder: Path, seconds: float) -> CanaryError | None:
    """Send one canary; return what is wrong with the answer, or None."""
    try:
        status, body = _ask(folder, seconds)
        if status != http.client.OK:
            kind = BusyError if status in _BUSY else CanaryError
            raise kind(f"the server answered {status}: {body[:200].decode(errors='replace').strip()}")
        check(body)
    except CanaryError as error:
        return error
    return None


def _ask(folder: Path, seconds: float) -> tuple[int, bytes]:
    """Return status and body of one answer."""
    try:
        settings = read_properties(folder / "config.properties")
        address = urlsplit(settings["inference_address"])
        headers = {"Content-Type": "image/png", "Authorization": f"Bearer {key_of(folder, 'inference')}"}
        with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=seconds)) as connection:
            connection.request("POST", f"/predictions/{MODEL}", photo(), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
    except (OSError, http.client.HTTPException, LookupError) as error:
        raise CanaryError(f"no answer: {type(error).__name__}: {error}") from error
