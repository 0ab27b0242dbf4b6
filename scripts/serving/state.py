"""What is known of a server that was started here, kept in a file until it is stopped."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from model.files import write_whole
from scripts.serving.paths import BUILD


@dataclass(frozen=True)
class State:
    """A running TorchServe: its process leads a group of its own, which its workers belong to."""

    pid: int
    started: str  # of the process, in clock ticks since boot: a pid alone may be another's by now
    temporary: str  # its own TMPDIR


def folder_of(rest_port: int) -> Path:
    """Where the server with this REST port keeps its settings, logs and keys."""
    return BUILD / "serve" / str(rest_port)


def write_state(folder: Path, state: State) -> None:
    """Remember `state`, all of it or nothing."""
    write_whole(folder / "state.json", json.dumps(asdict(state)))


def read_state(folder: Path) -> State | None:
    """What was last remembered, alive or not; None when nothing was."""
    try:
        return State(**json.loads((folder / "state.json").read_text()))
    except FileNotFoundError:
        return None


def is_alive(state: State) -> bool:
    """Whether the process that was started is still there."""
    return start_time(state.pid) == state.started


def start_time(pid: int) -> str | None:
    """When the process began, in clock ticks since boot; None when there is none."""
    fields = _stat(pid)
    return fields[19] if fields and fields[0] != "Z" else None


def group_members(group: int) -> list[int]:
    """Processes of the group that have not ended."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    stats = ((pid, _stat(pid)) for pid in pids)
    return [pid for pid, fields in stats if fields and fields[0] != "Z" and int(fields[2]) == group]


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third, the state, on (proc(5))."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()
