"""What is known of a server that was started here, kept in a file until it is stopped."""

import contextlib
import json
import os
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from model.files import write_whole
from scripts.serving.errors import SetupError

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class State:
    """A running TorchServe: its process leads a group of its own, which its workers belong to."""

    pid: int
    started: str  # of the process, in clock ticks since boot: a pid alone may be another's by now
    temporary: str  # its own TMPDIR; empty for the page, which writes no files


def write_state(folder: Path, state: State) -> None:
    """Remember `state`, all of it or nothing."""
    write_whole(folder / "state.json", json.dumps(asdict(state)))


def read_state(folder: Path) -> State | None:
    """Return what was last remembered, alive or not; None when nothing was.

    Raises `SetupError` for a file that nobody can make out: what it tells of may be running.
    """
    path = folder / "state.json"
    try:
        return State(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        what_to_do = f"end the server's processes (pgrep -af ModelServer), then: rm {shlex.quote(str(path))}"
        raise SetupError(f"{path} is damaged ({error}), so what runs is unknown; {what_to_do}") from error


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
