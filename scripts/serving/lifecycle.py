"""One server from its settings to its end: what `scripts/serve.py` does once .venv is there."""

import argparse
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from scripts.serving import guide
from scripts.serving.bootstrap import say
from scripts.serving.errors import SetupError
from scripts.serving.interrupts import ignore_interrupts
from scripts.serving.java import ensure_java
from scripts.serving.machine import arrange, count_gpus, usable_cores, usable_memory
from scripts.serving.page import check_page_port, start_page, stop_page
from scripts.serving.paths import ARCHIVE, folder_of
from scripts.serving.promise import promise
from scripts.serving.readiness import wait_until_ready
from scripts.serving.server import Run, check_ports, start, stop
from scripts.serving.settings import Ports
from scripts.serving.state import read_state
from scripts.serving.trial import seconds_of_a_photo


def serve(options: argparse.Namespace, ensure_archive: Callable[[], None]) -> int:
    """Serve until interrupted, or in the background, with the options of `scripts/serve.py` -> exit status.

    `ensure_archive` is called once all else is there. Raises `SetupError` where that cannot be done,
    `KeyboardInterrupt` when it is interrupted before it is ready; nothing is left running then.
    """
    if options.allow_origin and options.tokens:
        # browsers ask without the key what they may, and TorchServe does not answer without it
        raise SetupError("--allow-origin does not go with --tokens: use the keys of the proxy, deploy/README.md")
    run = replace(_prepare(options, ensure_archive), origin=options.allow_origin or "")
    say(f"Starting TorchServe: {guide.arrangement_text(run.arrangement)} ...")
    try:
        process = start(run, tied=not options.background)
        wait_until_ready(run, process)
        if options.web:
            start_page(run.folder, run.ports, not options.background, run.origin)
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


def _prepare(options: argparse.Namespace, ensure_archive: Callable[[], None]) -> Run:
    ports = Ports.at(options.port_offset)
    gpus, memory = count_gpus(), usable_memory()
    arrangement = arrange(usable_cores(), memory, options.workers, options.threads, gpus)
    check_ports(ports)
    if options.web:
        check_page_port(ports)
    java = ensure_java()
    ensure_archive()
    photo = seconds_of_a_photo(ARCHIVE, options.precision, arrangement.threads)
    promised = promise(photo, arrangement, memory, options.max_wait)
    say(guide.promise_text(photo, promised, options.max_wait))
    # Building may have taken minutes.
    check_ports(ports)
    folder = folder_of(ports.rest)
    return Run(ports, arrangement, options.tokens, ARCHIVE, java, folder, options.precision, gpus, promised)


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
