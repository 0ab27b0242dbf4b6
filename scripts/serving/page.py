"""Starts the page, Streamlit with web/app.py, in front of a server."""

import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from scripts.serving.errors import SetupError
from scripts.serving.paths import PYTHON, ROOT
from scripts.serving.server import stop
from scripts.serving.settings import HOST
from scripts.serving.state import State, start_time, write_state

TIMEOUT_SECONDS = 60.0


def start_page(folder: Path, port: int, server: str, tied: bool) -> "subprocess.Popen[bytes]":
    """Start the page on `port`, which sends photos to `server`, http://HOST:PORT; return once it answers.

    `folder` keeps its log and what `stop` needs. `tied`: it gets SIGTERM when this process ends,
    however that happens. Raises `SetupError` where it does not come up.
    """
    stop(folder)  # what an interrupted run may have left
    folder.mkdir(parents=True, exist_ok=True)
    temporary = tempfile.mkdtemp(prefix="portrait-page-")
    command = [str(PYTHON), "-m", "streamlit", "run", "web/app.py", "--server.port", str(port)]
    if tied and shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "TERM", *command]
    with (folder / "page.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PORTRAIT_SERVER": server, "TMPDIR": temporary},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    write_state(folder, State(process.pid, start_time(process.pid) or "", temporary))
    _wait_until_up(process, port, folder / "page.log")
    return process


def _wait_until_up(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not _is_up(port):
        if process.poll() is not None or time.monotonic() > deadline:
            last = (log.read_text(errors="replace").splitlines() or [""])[-1]
            raise SetupError(f"The page did not start: {last}\nLog: {log}")
        time.sleep(0.1)


def _is_up(port: int) -> bool:
    # A proxy that is set for the outside has no business here.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{HOST}:{port}/_stcore/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
