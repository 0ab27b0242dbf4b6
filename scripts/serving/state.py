"""What is known of a server that was started here, kept in a file until it is stopped."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from model.files import write_whole

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class State:
    """A running TorchServe: its process leads a group of its own, which its workers belong to."""

    pid: int
    started: str  # of the process, in clock ticks since boot: a pid alone may be another's by now
    temporary: str  # its own TMPDIR


def write_state(folder: Path, state: State) -> None:
    """Remember `state`, all of it or nothing."""
    write_whole(folder / "state.json", json.dumps(asdict(state)))


def read_state(folder: Path) -> State | None:
    """Return what was last remembered, alive or not; None when nothing was."""
    try:
        return State(**json.loads((folder / "state.json").read_text()))
    except FileNotFoundError:
        return None


def is_alive(state: State) -> bool:
    """Whether the process that was started is still there."""
    return start_time(state.pid) == state.started


def start_time(pid: int) -> str | None:
    """When the process began, in clock ticks since boot; None when there is none.

    Since boot, for psutil's seconds since 1970 change whenever the clock is set.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return str(round((process.create_time() - psutil.boot_time()) * _TICKS_PER_SECOND))
    except psutil.NoSuchProcess:
        return None


def group_members(group: int) -> list[int]:
    """Return processes of the group that have not ended."""
    return [pid for pid in psutil.pids() if _belongs(pid, group)]


def _belongs(pid: int, group: int) -> bool:
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
        return os.getpgid(pid) == group and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
