"""Starts TorchServe, and stops it with everything that it started; readiness.py waits for its model."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.serving.errors import SetupError
from scripts.serving.machine import Arrangement, worker_environment
from scripts.serving.paths import PYTHON, ROOT, VENV, folder_of
from scripts.serving.promise import BY_HAND, Promise
from scripts.serving.settings import (
    HOST,
    MODEL,
    Ports,
    cors_settings,
    read_properties,
    settings_of_run,
    write_properties,
)
from scripts.serving.state import State, group_members, is_alive, read_state, start_time, write_state
from scripts.serving.unpacked import unpack

STOP_SECONDS = 10.0
# Java meets each worker at a Unix socket, .ts.sock.PORT in its folder for temporary files; unix(7) has 108 bytes for
# a path and its end, and a worker whose socket has a longer one only ends.
SOCKET = ".ts.sock.65535"
SOCKET_PATH_BYTES = 107


@dataclass(frozen=True)
class Run:
    """What one server is started with."""

    ports: Ports
    arrangement: Arrangement
    tokens: bool
    archive: Path
    java: Path
    folder: Path  # where it keeps its settings, logs and keys
    precision: str = "auto"  # what the network computes in
    gpus: int = 0
    promise: Promise = BY_HAND
    origin: str = ""  # of pages that may call it from browsers


def check_ports(ports: Ports) -> None:
    """Raise `SetupError` when a port is taken, telling by whom if that is known here."""
    taken = next((port for port in ports.listening() if not is_free(port)), None)
    if taken is None:
        return
    state = read_state(folder_of(ports.rest))
    offset = ports.rest - Ports.rest
    if state and is_alive(state):
        stop_command = "bash scripts/serve.sh --stop" + (f" --port-offset {offset}" if offset else "")
        raise SetupError(f"Portrait is running here already (process {state.pid}). To stop it:  {stop_command}")
    raise SetupError(
        f"Port {taken} is in use by another program. "
        f"Take other ports:  bash scripts/serve.sh --port-offset {offset + 100}"
    )


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def start(run: Run, tied: bool) -> "subprocess.Popen[bytes]":
    """Start TorchServe's Java process in a session of its own and remember it.

    `tied`: it gets SIGTERM when this process ends, however that happens.
    """
    stop(run.folder)  # what an interrupted run may have left
    (run.folder / "logs").mkdir(parents=True, exist_ok=True)
    temporary = make_temporary()
    properties = write_settings(run, temporary)
    command = java_command(run, temporary, properties["vmargs"])
    log = run.folder / "logs" / "console.log"
    process = launch(command, run.folder, server_environment(run, temporary), log, tied)
    write_state(run.folder, State(process.pid, start_time(process.pid) or "", temporary))
    return process


def make_temporary() -> str:
    """Make the folder for one server's temporary files. Raises `SetupError` where its workers' sockets do not fit."""
    temporary = tempfile.mkdtemp(prefix="portrait-")
    length = len(os.fsencode(Path(temporary, SOCKET)))
    if length > SOCKET_PATH_BYTES:
        os.rmdir(temporary)
        raise SetupError(
            f"{tempfile.gettempdir()} is too long a path for the sockets that workers have in it: they would have "
            f"{length} bytes of {SOCKET_PATH_BYTES}. Name a shorter folder for temporary files:  export TMPDIR=/tmp"
        )
    return temporary


def launch(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path, tied: bool
) -> "subprocess.Popen[bytes]":
    """Start `command` from `folder` in a session of its own, with its output in `log`; `tied` as for `start`."""
    if tied and shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "TERM", *command]
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def write_settings(run: Run, temporary: str, changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Write config.properties of one run into its folder, and unpack its archive into `temporary`.

    The properties are the checkout's, with what is the run's own and `changes`.
    """
    model = Path(temporary, MODEL)
    unpack(run.archive, run.promise, model)
    properties = read_properties(ROOT / "config.properties")
    properties |= settings_of_run(run.ports, run.arrangement.workers, run.tokens, run.archive.parent, run.gpus)
    properties["load_models"] = f"{MODEL}={model}"
    properties["vmargs"] = re.sub(r"-Xmx\d+m", f"-Xmx{run.promise.heap_mb}m", properties["vmargs"])
    properties |= cors_settings(run.origin)
    properties["metrics_config"] = str(ROOT / properties["metrics_config"])
    properties |= changes or {}
    write_properties(properties, run.folder / "config.properties")
    return properties


def java_command(run: Run, temporary: str, vmargs: str) -> list[str]:
    """Return what `torchserve --start --ncs --ts-config ...` would run.

    torchserve's own launcher neither tells Java's exit status nor passes signals on.
    """
    site = next(VENV.glob("lib/python3*/site-packages"))
    java = [str(run.java), f"-Dmodel_server_home={site}", f"-Djava.io.tmpdir={temporary}", *vmargs.split()]
    server = ["-cp", f"{site}/ts/frontend/*", "org.pytorch.serve.ModelServer", "--python", str(PYTHON)]
    settings = ["-f", str(run.folder / "config.properties"), "-s", str(run.archive.parent), "-ncs"]
    return [*java, *server, *settings]


def server_environment(run: Run, temporary: str) -> dict[str, str]:
    """Return this process's variables without those that would change the server, and with its own."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "TS_CONFIG_FILE")}
    logs = str(run.folder / "logs")
    own = {
        "TMPDIR": temporary,
        "TEMP": temporary,
        "LOG_LOCATION": logs,
        "METRICS_LOCATION": logs,
        "PATH": f"{PYTHON.parent}:{os.environ.get('PATH', os.defpath)}",
        "PORTRAIT_PRECISION": run.precision,
    }
    return {**inherited, **own, **worker_environment(run.arrangement.threads)}


def stop(folder: Path) -> bool:
    """End the server that runs from `folder` and all its workers; False when none was running."""
    state = read_state(folder)
    if state is None:
        return False
    # The leader's pid cannot be another's while members of its group are left.
    running = is_alive(state) or (start_time(state.pid) is None and bool(group_members(state.pid)))
    if running:
        _end_group(state.pid)
    shutil.rmtree(state.temporary, ignore_errors=True)
    for name in ("key_file.json", "state.json"):
        (folder / name).unlink(missing_ok=True)
    return running


def _end_group(group: int) -> None:
    """SIGTERM to the leader, which ends its workers in order; SIGKILL to whoever is left, at once where it is dead."""
    if start_time(group) is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(group, signal.SIGTERM)
        _wait_until_gone(group)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    _wait_until_gone(group)


def _wait_until_gone(group: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while group_members(group) and time.monotonic() < deadline:
        time.sleep(0.05)
