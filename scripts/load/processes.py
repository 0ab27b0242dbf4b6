"""What a server's processes hold: memory, open files, and whether they are the same ones still."""

from pathlib import Path
from typing import NamedTuple

import psutil

from scripts.serving.state import group_members, read_state


class Held(NamedTuple):
    """Of Java and all workers together."""

    pids: frozenset[int]
    megabytes: float  # resident
    open_files: int


def held(folder: Path) -> Held | None:
    """Return what the server that runs from `folder` holds now; None where none runs on this machine."""
    state = read_state(folder)
    processes = [psutil.Process(pid) for pid in group_members(state.pid)] if state else []
    if not processes:
        return None
    memory = sum(process.memory_info().rss for process in processes) / 1e6
    return Held(frozenset(process.pid for process in processes), memory, sum(p.num_fds() for p in processes))
