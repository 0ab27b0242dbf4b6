"""One server from its archive to its end: what `scripts/serve.py` does once .venv is there."""

import argparse
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
from scripts.serving import guide
from scripts.serving.bootstrap import say
from scripts.serving.errors import SetupError
from scripts.serving.interrupts import ignore_interrupts
from scripts.serving.java import ensure_java
from scripts.serving.machine import arrange, count_gpus, usable_cores, usable_memory
from scripts.serving.page import check_page_port, start_page, stop_page
from scripts.serving.paths import ARCHIVE, BUILD, PYTHON, ROOT, folder_of
from scripts.serving.precision import check_precision
from scripts.serving.readiness import wait_until_ready
from scripts.serving.server import Run, check_ports, start, stop
from scripts.serving.settings import Ports
from scripts.serving.state import read_state


def serve(options: argparse.Namespace) -> int:
    """Serve until interrupted, or in the background, with the options of `scripts/serve.py` -> exit status.

    Raises `SetupError` where that cannot be done, `KeyboardInterrupt` when it is interrupted before it is ready;
    nothing is left running then.
    """
    run = _prepare(options)
    say(f"Starting TorchServe: {guide.arrangement_text(run.arrangement)} ...")
    try:
        process = start(run, tied=not options.background)
        wait_until_ready(run, process)
        if options.web:
            start_page(run.folder, run.ports, tied=not options.background)
        lines = guide.lines_to_try(run, options.web)
        if not options.background:
            return _watch(run, process, lines)
        say(lines)
        return 0
    except (SetupError, KeyboardInterrupt):
        end(run.folder)
        raise


def end(folder: Path) -> bool:
    """Stop the server that runs from `folder` and its page; False when neither was running."""
    ignore_interrupts()
    return any([stop_page(folder), stop(folder)])


def _prepare(options: argparse.Namespace) -> Run:
    ports = Ports.at(options.port_offset)
    gpus = count_gpus()
    arrangement = arrange(usable_cores(), usable_memory(), options.workers, options.threads, gpus)
    check_ports(ports)
    if options.web:
        check_page_port(ports)
    java = ensure_java()
    with _one_build_at_a_time():
        _ensure_archive(options)
    check_precision(ARCHIVE, options.precision)
    # Building may have taken minutes.
    check_ports(ports)
    return Run(ports, arrangement, options.tokens, ARCHIVE, java, folder_of(ports.rest), options.precision, gpus)


@contextmanager
def _one_build_at_a_time() -> Iterator[None]:
    """A second build in this checkout waits for the first, whose archive it then finds."""
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


def _ensure_archive(options: argparse.Namespace) -> None:
    """Build the archive unless it is there already, whole, from the same inputs."""
    weights = options.weights if options.weights in ("auto", "hub", "lite") else str(_from_there(options.weights))
    calibration = options.calibration and _from_there(options.calibration)
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
        say(guide.LITE_NOTICE)


def _run_politely(command: Sequence[str]) -> int:
    """Exit status; an interrupt is passed on once, so that the command can clean up."""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


def _from_there(path: str) -> Path:
    """A path is meant from where the person stands, which serve.sh passes on."""
    return Path(os.environ.get("PORTRAIT_STARTED_IN", "."), path).resolve()


def _watch(run: Run, process: "subprocess.Popen[bytes]", lines: str) -> int:
    """Say how to use the server and wait for its end; an interrupt ends it.

    Raises `SetupError` when it ended by itself.
    """
    try:
        say(lines)
        status = process.wait()
    except KeyboardInterrupt:
        say("\nStopping ...")
        end(run.folder)
        return 0
    if read_state(run.folder) is not None:
        end(run.folder)
        raise SetupError(f"TorchServe ended by itself (exit status {status}). Logs: {run.folder / 'logs'}")
    return 0
