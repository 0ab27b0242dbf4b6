"""A server on loopback for what a real one does not do on demand: being busy, breaking off, other programs."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUSY = "busy"  # TorchServe's 503
BREAKS_OFF = "breaks off"  # in the middle of the picture
HANGS_UP = "hangs up"  # without an answer
LOGIN_PAGE = "login page"  # a proxy's, as 200
BAD_GATEWAY = "bad gateway"  # a proxy's
KILLED = "killed"  # TorchServe's 507, for a worker that was
MOVED = "moved"  # a proxy's redirection to TLS
DIED = "died"  # TorchServe's 500, for one that closed its channel


@dataclass
class FaultyServer:
    """Answers every POST with `picture`, after the faults that are listed, one a request."""

    picture: bytes
    faults: list[str] = field(default_factory=list)
    retry_after: str | None = None
    held: threading.Event | None = None  # while it is there and not set, nobody is answered after the first
    together: threading.Barrier | None = None  # so many must ask before any of them is answered
    url: str = ""
    photos: list[bytes] = field(default_factory=list)  # as they came
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    close: Callable[[], None] = field(default=lambda: None)  # as when it ends: nobody listens any more
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def serving(faulty: FaultyServer) -> Iterator[FaultyServer]:
    """Answer at `url` while the context lasts."""

    class Handler(_Handler):
        server_state = faulty

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    faulty.close = server.server_close
    faulty.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield faulty
    finally:
        if faulty.held:
            faulty.held.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_state: FaultyServer

    def do_POST(self) -> None:
        state = self.server_state
        photo = self.rfile.read(int(self.headers["Content-Length"]))
        with state.lock:
            state.photos.append(photo)
            state.headers.append(dict(self.headers))
            state.paths.append(self.path)
            fault = state.faults.pop(0) if state.faults else ""
            first = len(state.photos) == 1
        if state.held and not first:
            state.held.wait()
        if state.together:
            state.together.wait(timeout=20)
        _ANSWERS[fault](self)

    def send(self, status: int, kind: str, body: bytes, length: int | None = None) -> None:
        """Return an answer; with `length`, one that says it is longer than it is."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length or len(body)))
        if self.server_state.retry_after:
            self.send_header("Retry-After", self.server_state.retry_after)
        self.end_headers()
        self.wfile.write(body)

    def draw(self) -> None:
        self.send(200, "image/png", self.server_state.picture)

    def be_busy(self) -> None:
        told = {"code": 503, "type": "ServiceUnavailableException", "message": "no worker"}
        self.send(503, "application/json", json.dumps(told).encode())

    def be_killed(self) -> None:
        told = {"code": 507, "type": "InternalServerException", "message": "Worker killed."}
        self.send(507, "application/json", json.dumps(told).encode())

    def have_moved(self) -> None:
        self.send_response(301)
        self.send_header("Location", "https://elsewhere.example/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def die(self) -> None:
        told = {"code": 500, "type": "InternalServerException", "message": "Worker died."}
        self.send(500, "application/json", json.dumps(told).encode())

    def break_off(self) -> None:
        picture = self.server_state.picture
        self.send(200, "image/png", picture[:20], length=len(picture))

    def hang_up(self) -> None:
        self.close_connection = True

    def show_login_page(self) -> None:
        self.send(200, "text/html", b"<html>Who are you?</html>")

    def be_a_bad_gateway(self) -> None:
        self.send(502, "text/html", b"<html>nginx</html>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Nothing: tests look at `photos` and `headers`."""


_ANSWERS = {
    "": _Handler.draw,
    BUSY: _Handler.be_busy,
    BREAKS_OFF: _Handler.break_off,
    HANGS_UP: _Handler.hang_up,
    LOGIN_PAGE: _Handler.show_login_page,
    BAD_GATEWAY: _Handler.be_a_bad_gateway,
    KILLED: _Handler.be_killed,
    DIED: _Handler.die,
    MOVED: _Handler.have_moved,
}
