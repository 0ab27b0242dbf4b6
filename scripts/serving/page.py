"""Starts the page, web/server.py, in front of a server, and stops it."""

import os
import subprocess
import time
from pathlib import Path

import httpx2

from scripts.serving.errors import SetupError
from scripts.serving.loopback import get
from scripts.serving.paths import PYTHON, ROOT, folder_of
from scripts.serving.server import is_free, launch, stop
from scripts.serving.settings import HOST, Ports
from scripts.serving.state import State, start_time, write_state

TIMEOUT_SECONDS = 60.0


def check_page_port(ports: Ports) -> None:
    """Raise `SetupError` when the page's port is taken; a page that has lost its server is ended."""
    stop_page(folder_of(ports.rest))
    if not is_free(ports.page):
        offset = ports.page - Ports.page
        raise SetupError(
            f"Port {ports.page}, the page's, is in use by another program. "
            f"Take other ports:  bash scripts/serve.sh --web --port-offset {offset + 100}"
        )


def start_page(folder: Path, ports: Ports, tied: bool, origin: str = "", host: str = HOST) -> "subprocess.Popen[bytes]":
    """Start the page of the server that runs from `folder` on `ports`; return once it answers.

    `tied`: it gets SIGTERM when this process ends, however that happens. `origin`: of pages that may show it in a
    frame. Raises `SetupError` where it does not come up.
    """
    own = _folder(folder)
    own.mkdir(parents=True, exist_ok=True)
    process = launch(command(folder, ports, origin, host), ROOT, os.environ, own / "page.log", tied)
    write_state(own, State(process.pid, start_time(process.pid) or "", temporary=""))
    _wait_until_up(process, ports.page, own / "page.log")
    return process


def command(folder: Path, ports: Ports, origin: str = "", host: str = HOST) -> list[str]:
    """Return what serves the page on `host`; visitors draw with the server's key where it asks for one."""
    server = ["--server", f"http://{HOST}:{ports.rest}", "--key-file", str(folder / "key_file.json")]
    return [
        str(PYTHON),
        "-m",
        "web.server",
        *server,
        f"--framed-by={origin}",
        "--host",
        host,
        "--port",
        str(ports.page),
    ]


def stop_page(folder: Path) -> bool:
    """End the page of the server that runs from `folder`; False when there was none."""
    return stop(_folder(folder))


def _folder(folder: Path) -> Path:
    return folder / "page"


def _wait_until_up(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not _is_up(port):
        if process.poll() is not None or time.monotonic() > deadline:
            last = (log.read_text(errors="replace").splitlines() or [""])[-1]
            raise SetupError(f"The page did not start: {last}\nLog: {log}")
        time.sleep(0.1)


def _is_up(port: int) -> bool:
    try:
        return bool(get(f"http://{HOST}:{port}/").is_success)
    except httpx2.HTTPError:
        return False
