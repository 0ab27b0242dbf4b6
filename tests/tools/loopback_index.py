"""A package index on loopback with one wheel, for pip."""

import functools
import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def wheel_of(package: str, version: str, files: Mapping[str, bytes]) -> bytes:
    """Return a wheel that pip accepts, with `files` in it; the same arguments give the same bytes."""
    info = f"{package}-{version}.dist-info"
    needed = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as wheel:
        for name, data in {**files, **needed}.items():
            wheel.writestr(zipfile.ZipInfo(name), data)
    return written.getvalue()


@contextmanager
def serving(folder: Path, package: str, version: str, wheel: bytes) -> Iterator[str]:
    """Yield the address of an index (PEP 503), kept in `folder`, that has this wheel and nothing else."""
    project = folder / "simple" / package
    project.mkdir(parents=True)
    name = f"{package}-{version}-py3-none-any.whl"
    (project / name).write_bytes(wheel)
    (project / "index.html").write_text(f'<!DOCTYPE html><html><body><a href="{name}">{name}</a></body></html>')
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Nothing: a test's output is its own."""
