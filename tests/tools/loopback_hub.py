"""A Hugging Face Hub on loopback: what its client asks for a file, with faults on demand."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

REPOSITORY = "someone/portraits"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
_RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


@dataclass
class LoopbackHub:
    """One repository at one commit; the other fields are its faults."""

    files: dict[str, bytes]
    commit: str = COMMIT
    states: str | None = None  # a SHA-256 that is not the file's
    status: int | None = None  # answers this to everything
    silent: str | None = None  # accepts this method and never answers
    cuts: int = 0  # so many downloads break off in the middle
    url: str = ""
    asked: list[str] = field(default_factory=list)  # for files, "HEAD /...", as they came
    tokens: set[str | None] = field(default_factory=set)
    closing: threading.Event = field(default_factory=threading.Event)

    def downloads(self) -> int:
        """How often a file's bytes were asked for."""
        return sum(line.startswith("GET") for line in self.asked)


@contextmanager
def serving(hub: LoopbackHub) -> Iterator[LoopbackHub]:
    """Serve the hub at `hub.url` while the context lasts."""

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LoopbackHub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        hub = self.hub
        if _RESOLVE.fullmatch(self.path):  # the client also asks for things of its own
            hub.asked.append(f"{self.command} {self.path}")
            hub.tokens.add(self.headers["Authorization"])
        if hub.silent == self.command:
            hub.closing.wait()
            self.close_connection = True
        elif hub.status:
            self._refuse(hub.status, {"Retry-After": "77"} if hub.status == 429 else {})
        elif (data := self._find()) is not None:
            self._send(data, body)

    def _find(self) -> bytes | None:
        """Return the file asked for; None where that was answered with what is not there."""
        hub = self.hub
        match = _RESOLVE.fullmatch(self.path)
        if not match or match[1] != REPOSITORY:
            missing = "Repo"
        elif match[2] not in ("main", hub.commit):
            missing = "Revision"
        elif match[3] not in hub.files:
            missing = "Entry"
        else:
            return hub.files[match[3]]
        self._refuse(404, {"X-Error-Code": f"{missing}NotFound"})
        return None

    def _refuse(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, data: bytes, body: bool) -> None:
        hub = self.hub
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("X-Repo-Commit", hub.commit)
        self.send_header("X-Linked-Size", str(len(data)))
        self.send_header("X-Linked-Etag", f'"{hub.states or hashlib.sha256(data).hexdigest()}"')
        self.send_header("ETag", '"of-the-pointer"')
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if not body:
            return
        if hub.cuts:
            hub.cuts -= 1
            self.wfile.write(data[start : start + (len(data) - start) // 2])
            self.close_connection = True
        else:
            self.wfile.write(data[start:])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Nothing: `asked` has it."""


def use(monkeypatch: pytest.MonkeyPatch, url: str, tmp_path: Path) -> None:
    """Do what HF_ENDPOINT and HF_HUB_CACHE do, which the client reads only while it is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
