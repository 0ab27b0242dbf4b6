"""What breaks under a server, made to order: a worker caught at its photo, a disk that is full."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from handler.cores import is_held
from tests.tools.serving import Server

WAIT_SECONDS = 30.0


def busy_worker(server: Server) -> psutil.Process:
    """Wait until a worker is at a photo, which it marks by a lock (handler/cores.py); return the worker."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        for worker in server.model().workers:
            process = psutil.Process(worker.pid)
            if any(is_held(Path(file.path)) for file in process.open_files() if "/at-work/" in file.path):
                return process
    raise TimeoutError(f"no worker began to draw within {WAIT_SECONDS:g} s")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Yield `folder` with a disk of `size` (as mount(8) takes it) of its own; skips where none may be mounted."""
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Fill the disk that `disk` is on, to the last byte, for the block."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:  # it is full
            pass
    try:
        yield
    finally:
        filler.unlink()
