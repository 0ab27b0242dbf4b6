"""Serves the page and passes its photos on: `python -m web.server`, for this machine and networks that you trust.

The page is files of `static`, which any web server can serve beside the endpoint; for everybody else deploy/nginx does.
This one keeps the server's key to itself, bounds what it reads, and ends with the process.
"""

import argparse
import functools
import hashlib
import http.client
import json
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

STATIC = Path(__file__).parent / "static"
ENDPOINT = "/predictions/portrait"
MOST_BYTES = 29360128  # max_request_size in config.properties
CONNECTIONS = 256  # a thread for each
PHOTOS = 16  # bodies and their pictures in memory; nginx has as many connections to TorchServe
CLIENT_S = 30.0  # between two pieces of a request, and for an idle connection
SERVER_S = 150.0  # a server gives its own workers 120 s
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}
_PASSED_ON = re.compile(r"(?i)portrait-\w+|content-type|accept")
_PASSED_BACK = re.compile(r"(?i)portrait-\w+|content-type|retry-after|x-request-id")


class Upstream(NamedTuple):
    """The server that draws."""

    host: str
    port: int
    key_file: Path | None = None  # TorchServe's, read anew for each photo, for it may change


class File(NamedTuple):
    """A file of the page, as it is sent."""

    data: bytes
    content_type: str
    tag: str


def read_files(folder: Path = STATIC) -> dict[str, File]:
    """Return path -> file of all that the page has; nothing else can be asked for."""
    files = {f"/{path.relative_to(folder)}": _file(path) for path in folder.rglob("*") if path.suffix in CONTENT_TYPES}
    return {**files, "/": files["/index.html"]}


def _file(path: Path) -> File:
    data = path.read_bytes()
    return File(data, CONTENT_TYPES[path.suffix], f'"{hashlib.sha256(data).hexdigest()[:16]}"')


class PageServer(ThreadingHTTPServer):
    """A thread for each connection, at most `CONNECTIONS`; the next waits in the kernel's queue."""

    def __init__(self, address: tuple[str, int], upstream: Upstream, ancestors: str) -> None:
        """`ancestors`: who may show the page in a frame, as Content-Security-Policy has it."""
        self.upstream = upstream
        self.files = read_files()
        self.ancestors = ancestors
        self.photos = threading.BoundedSemaphore(PHOTOS)
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__(address, Visit)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Wait for a place first."""
        self._places.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Give the place back in the end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client who has left; anything else is a bug and goes to the log."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Visit(BaseHTTPRequestHandler):
    """One connection of a browser."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = CLIENT_S

    def do_GET(self) -> None:
        """Send a file of the page."""
        file = self.server.files.get(urlsplit(self.path).path)
        if file is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        known = self.headers.get("If-None-Match") == file.tag
        about = {"Content-Type": file.content_type, "ETag": file.tag, "Cache-Control": "no-cache"}
        self._answer(HTTPStatus.NOT_MODIFIED if known else HTTPStatus.OK, about, b"" if known else file.data)

    def do_HEAD(self) -> None:
        """Send what a file's answer begins with."""
        self.do_GET()

    def do_POST(self) -> None:
        """Pass a photo on to the endpoint, and its answer back."""
        fault = self._fault()
        if fault:
            self._refuse(*fault)
        elif not self.server.photos.acquire(blocking=False):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many photos at once; try again in a few seconds")
        else:
            try:
                self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))
            finally:
                self.server.photos.release()

    def _fault(self) -> tuple[HTTPStatus, str] | None:
        """Return what is wrong with a request for a drawing, before its body is read."""
        length = self.headers.get("Content-Length", "")
        if self.path != ENDPOINT:
            return HTTPStatus.NOT_FOUND, f"photos go to {ENDPOINT}"
        if self.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return HTTPStatus.FORBIDDEN, "pages elsewhere ask the server itself"
        if not re.fullmatch(r"\d{1,12}", length):
            return HTTPStatus.LENGTH_REQUIRED, "say how long the photo is, in Content-Length"
        if int(length) > MOST_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the photo is larger than the server takes"
        return None

    def _pass_on(self, body: bytes) -> None:
        upstream = self.server.upstream
        connection = http.client.HTTPConnection(upstream.host, upstream.port, timeout=SERVER_S)
        try:
            connection.request("POST", ENDPOINT, body, self._headers(upstream.key_file))
            answer = connection.getresponse()
            about = {name: value for name, value in answer.getheaders() if _PASSED_BACK.fullmatch(name)}
            self._answer(answer.status, about, answer.read())
        except (OSError, http.client.HTTPException):
            self._refuse(HTTPStatus.BAD_GATEWAY, "the drawing server does not answer")
        finally:
            connection.close()

    def _headers(self, key_file: Path | None) -> dict[str, str]:
        passed = {name: value for name, value in self.headers.items() if _PASSED_ON.fullmatch(name)}
        # A worker looks whether the browser waits still: handler/abandoned.py.
        passed["X-Portrait-Connection"] = f"{self.client_address[1]}:{self.server.server_port}"
        if key_file and key_file.exists():
            passed["Authorization"] = f"Bearer {json.loads(key_file.read_text())['inference']['key']}"
        elif "Authorization" in self.headers:
            passed["Authorization"] = self.headers["Authorization"]
        return passed

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        told = {"code": status.value, "type": status.phrase.replace(" ", ""), "message": message}
        self.close_connection = True  # the body was not read
        self._answer(status, {"Content-Type": "application/json", "Connection": "close"}, json.dumps(told).encode())

    def _answer(self, status: int, about: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        ours = {"Content-Security-Policy": f"frame-ancestors {self.server.ancestors}", "Content-Length": str(len(body))}
        for name, value in {**about, **ours, "X-Content-Type-Options": "nosniff"}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        """Tell nobody which Python this is."""
        return "Portrait"

    def log_message(self, *_: Any) -> None:
        """Write nothing down: the server that draws has a log."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m web.server", description="Serve the page.")
    add = functools.partial(parser.add_argument, metavar="")
    add("--server", default="http://127.0.0.1:8080", help="who draws; default: %(default)s")
    add("--host", default="127.0.0.1", help="where the page listens; default: %(default)s, this machine alone")
    add("--port", type=int, default=8501, help="default: %(default)s")
    add("--key-file", type=Path, help="TorchServe's key_file.json, whose key every visitor draws with")
    add("--framed-by", default="", help="origin of pages that may show this one in a frame")
    options = parser.parse_args(argv)
    drawing = urlsplit(options.server)
    upstream = Upstream(drawing.hostname or "", drawing.port or 80, options.key_file)
    with PageServer((options.host, options.port), upstream, f"'self' {options.framed_by}".strip()) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
