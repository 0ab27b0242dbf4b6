"""Set everything up and serve portraits; `bash scripts/serve.sh` runs this with the system's Python."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from model.files import sha256_of
from scripts.archive.record import inputs_digest, read_record
from scripts.serving import bootstrap, guide
from scripts.serving.bootstrap import say
from scripts.serving.errors import SetupError
from scripts.serving.java import ensure_java
from scripts.serving.machine import PRECISIONS, arrange, count_gpus, usable_cores, usable_memory
from scripts.serving.page import check_page_port, start_page, stop_page
from scripts.serving.paths import ARCHIVE, PYTHON, ROOT
from scripts.serving.precision import check_precision
from scripts.serving.readiness import wait_until_ready
from scripts.serving.server import Run, check_ports, start, stop
from scripts.serving.settings import Ports
from scripts.serving.state import folder_of, read_state


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted, or in the background; status 1 and one line when that cannot be done."""
    options = _parser().parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # who starts this with nohup wants it to outlive the terminal; SIGINT is ignored by mere shell convention
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _leave)
    try:
        return _stop(options) if options.stop else _serve(options)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bash scripts/serve.sh", description="Set everything up and serve portraits.")
    add = parser.add_argument
    add("--weights", default="auto", help="auto (default: the hub's, else the embedded lite ones), hub, lite or a file")
    add(
        "--precision",
        default="auto",
        choices=PRECISIONS,
        help="what to compute in; default: the fastest here",
    )
    add("--calibration", metavar="DIR", help="portraits to make int8 from; default: twelve of the project")
    add("--workers", type=int, help="processes that draw; default: one for each core, as memory allows")
    add("--threads", type=int, help="shared by the workers that draw, up to four each; default: one for each core")
    add("--port-offset", type=int, default=0, metavar="K", help="add K to all ports")
    add("--tokens", action="store_true", help="ask clients for TorchServe's keys")
    add("--web", action="store_true", help="the page for browsers as well, on port 8501")
    add("--background", action="store_true", help="return once the server is ready")
    add("--stop", action="store_true", help="stop the server that runs on these ports")
    return parser


def _leave(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _stop(options: argparse.Namespace) -> int:
    ports = Ports.at(options.port_offset)
    say("Stopped." if _end(folder_of(ports.rest)) else f"No server of this checkout runs on port {ports.rest}.")
    return 0


def _serve(options: argparse.Namespace) -> int:
    ports = Ports.at(options.port_offset)
    gpus = count_gpus()
    arrangement = arrange(usable_cores(), usable_memory(), options.workers, options.threads, gpus)
    check_ports(ports)
    if options.web:
        check_page_port(ports)
    with bootstrap.only_one():
        bootstrap.ensure("server")
        if options.web:
            bootstrap.ensure("web")
        java = ensure_java()
        _ensure_archive(options)
    check_precision(ARCHIVE, options.precision)
    check_ports(ports)
    run = Run(ports, arrangement, options.tokens, ARCHIVE, java, folder_of(ports.rest), options.precision, gpus)
    say(f"Starting TorchServe: {guide.arrangement_text(arrangement)} ...")
    try:
        process = start(run, tied=not options.background)
        wait_until_ready(run, process)
        if options.web:
            start_page(run.folder, ports, tied=not options.background)
        lines = guide.lines_to_try(run, options.web)
        if not options.background:
            return _watch(run, process, lines)
        say(lines)
        return 0
    except (SetupError, KeyboardInterrupt):
        _end(run.folder)
        raise


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


def _end(folder: Path) -> bool:
    """Stop the server that runs from `folder` and its page; False when neither was running."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
    return any([stop_page(folder), stop(folder)])


def _watch(run: Run, process: "subprocess.Popen[bytes]", lines: str) -> int:
    """Say how to use the server and wait for its end; an interrupt ends it.

    Raises `SetupError` when it ended by itself.
    """
    try:
        say(lines)
        status = process.wait()
    except KeyboardInterrupt:
        say("\nStopping ...")
        _end(run.folder)
        return 0
    if read_state(run.folder) is not None:
        _end(run.folder)
        raise SetupError(f"TorchServe ended by itself (exit status {status}). Logs: {run.folder / 'logs'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
