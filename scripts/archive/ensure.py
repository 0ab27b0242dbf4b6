"""Builds the archive where it is missing or not what would be built now."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from model.files import sha256_of
from scripts.archive.record import inputs_digest, read_record
from scripts.serving.bootstrap import say
from scripts.serving.errors import SetupError
from scripts.serving.machine import SPIN_COUNT
from scripts.serving.paths import ARCHIVE, BUILD, PYTHON, ROOT

LITE_NOTICE = """
**************************************************************************************
*  Drawing with the small embedded weights: the hub's full-size ones are not    *
*  available. Drawings are plainer. With a connection, get the full-size ones with:  *
*      bash scripts/serve.sh --weights hub                                           *
**************************************************************************************
"""


def ensure_archive(weights: str, calibration: str | None) -> None:
    """Build the archive unless it is there already, whole, from the same inputs.

    `weights` are auto, hub, lite or a file. Raises `SetupError` where it cannot be built or is damaged.
    """
    weights = weights if weights in ("auto", "hub", "lite") else str(_from_there(weights))
    with _one_build_at_a_time():
        _ensure(weights, _from_there(calibration) if calibration else None)


@contextmanager
def _one_build_at_a_time() -> Iterator[None]:
    """Make a second build in this checkout wait for the first, whose archive it then finds."""
    BUILD.mkdir(exist_ok=True)
    lock = FileLock(BUILD / "archive.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        say("Another build is under way here; waiting for it ...")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _ensure(weights: str, calibration: Path | None) -> None:
    record = read_record(ARCHIVE)
    if record is None or record.inputs != inputs_digest(weights, calibration):
        command = [str(PYTHON), "-m", "scripts.build_archive", "--weights", weights]
        if calibration:
            command += ["--calibration", str(calibration)]
        if _run_politely(command):
            raise SetupError("The archive could not be built; the line above says why.")
        record = read_record(ARCHIVE)
    elif record.archive != sha256_of(ARCHIVE):
        name = shlex.quote(str(ARCHIVE))
        raise SetupError(f"The archive is damaged: it is not what was built. To build it anew:  rm {name}")
    if weights == "auto" and record and record.weights == "lite":
        say(LITE_NOTICE)


def _run_politely(command: Sequence[str]) -> int:
    """Exit status; an interrupt is passed on once, so that the command can clean up."""
    environment = {"GOMP_SPINCOUNT": str(SPIN_COUNT), **os.environ}  # else it takes thrice as long where others work
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


def _from_there(path: str) -> Path:
    """Resolve a path from where the person stands, which serve.sh passes on."""
    return Path(os.environ.get("PORTRAIT_STARTED_IN", "."), path).resolve()
