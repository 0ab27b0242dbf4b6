"""Starts TorchServe in a container: `python -m scripts.container.start`, the image's entry point.

It sets nothing up, and Java takes its place, so that signals and exit status are Java's own.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from model.files import sha256_of
from scripts.archive.record import read_record, record_path
from scripts.serving import guide
from scripts.serving.arguments import add_server_options
from scripts.serving.errors import SetupError
from scripts.serving.java import OLDEST, find_java
from scripts.serving.machine import arrange, count_gpus, usable_cores, usable_memory
from scripts.serving.page import command as page_command
from scripts.serving.paths import ARCHIVE, CONTAINER, ROOT
from scripts.serving.promise import promise
from scripts.serving.server import Run, java_command, launch, server_environment, write_settings
from scripts.serving.settings import HOST, Ports
from scripts.serving.trial import seconds_of_a_photo

# Ten years. Keys are made anew at every start, and the health check needs its own for as long as the container runs.
KEY_MINUTES = "5256000"


def main(argv: Sequence[str] | None = None) -> int:
    """Never returns once Java runs; status 1 and one line when it cannot be started."""
    options = _parser().parse_args(argv)
    try:
        run = _run(options)
        print(listening_text(options.host, options.metrics_host, run), flush=True)
        if options.web:
            _start_page(run, options.host)
        _become_java(run, opened(options.host, options.metrics_host, run.ports))
    except (SetupError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _start_page(run: Run, host: str) -> None:
    """Start the page as well; it ends with the process that becomes Java."""
    (run.folder / "logs").mkdir(exist_ok=True)
    launch(
        page_command(run.folder, run.ports, host=host), ROOT, os.environ, run.folder / "logs" / "page.log", tied=True
    )
    print(f"The page listens on {host}, port {run.ports.page}, and asks for no key.", flush=True)


def _become_java(run: Run, addresses: Mapping[str, str]) -> NoReturn:
    (run.folder / "logs").mkdir(exist_ok=True)
    (run.folder / "key_file.json").unlink(missing_ok=True)  # of a run before this one
    temporary = _fresh_folder()
    settings = write_settings(run, temporary, {**addresses, "token_expiration_min": KEY_MINUTES})
    command = java_command(run, temporary, settings["vmargs"])
    print(shlex.join(command), flush=True)
    os.chdir(run.folder)
    os.execve(command[0], command, server_environment(run, temporary))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="portrait", description="Serve portraits from a container.")
    add = parser.add_argument
    add("--host", default=HOST, help="address for REST and gRPC; default: %(default)s, the container alone")
    add("--metrics-host", default=HOST, help="address for metrics, which ask for no key; default: %(default)s")
    add_server_options(parser)
    add("--web", action="store_true", help="the page for browsers as well, on port 8501; its visitors need no key")
    add("--no-tokens", action="store_true", help="ask clients for no keys: only behind something that does")
    return parser


def _run(options: argparse.Namespace) -> Run:
    """Return what to run; raises `SetupError` without Java or with an archive that is not the one that was built."""
    java = find_java()
    if java is None:
        raise SetupError(f"Java {OLDEST} or later is missing from the image")
    record = read_record(ARCHIVE)
    # An archive is code, and so one that anybody changed is not run.
    if record is None or record.archive != sha256_of(ARCHIVE):
        raise SetupError(
            f"{ARCHIVE} is not the archive that {record_path(ARCHIVE).name} beside it tells of; mount both, as built"
        )
    ports = Ports.at(options.port_offset)
    gpus, memory = count_gpus(), usable_memory()
    arrangement = arrange(usable_cores(), memory, options.workers, options.threads, gpus)
    photo = seconds_of_a_photo(ARCHIVE, options.precision, arrangement.threads)
    promised = promise(photo, arrangement, memory, options.max_wait)
    print(guide.promise_text(photo, promised, options.max_wait), flush=True)
    return Run(ports, arrangement, not options.no_tokens, ARCHIVE, java, CONTAINER, options.precision, gpus, promised)


def opened(host: str, metrics_host: str, ports: Ports) -> dict[str, str]:
    """Return the addresses for clients and Prometheus.

    Management is never opened: whoever reaches it can stop the service.
    """
    return {
        "inference_address": f"http://{host}:{ports.rest}",
        "metrics_address": f"http://{metrics_host}:{ports.metrics}",
        "grpc_inference_address": host,
    }


def listening_text(host: str, metrics_host: str, run: Run) -> str:
    """Say who can reach what."""
    keys = f"ask for the keys in {run.folder / 'key_file.json'}" if run.tokens else "ask for NO keys"
    closed = "; --host 0.0.0.0 opens them" if host == HOST else ""
    return (
        f"REST and gRPC listen on {host}, ports {run.ports.rest} and {run.ports.grpc}, and {keys}{closed}. "
        f"Metrics listen on {metrics_host}, port {run.ports.metrics}, and ask for no key. "
        f"Management listens on {HOST} alone."
    )


def _fresh_folder() -> str:
    """For what Java unpacks; what a run that was killed left in it is gone."""
    folder = Path(tempfile.gettempdir(), "portrait")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return str(folder)


if __name__ == "__main__":
    sys.exit(main())
