"""What memory a worker keeps once a request is answered."""

import ctypes
import os
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Budget:
    """How much a worker may hold: what it has when it has loaded, and some more."""

    def __init__(self, megabytes: float) -> None:
        """`megabytes` beyond what this process holds now."""
        self._most = resident_bytes() + megabytes * 1e6

    def is_kept(self) -> bool:
        """Give back what is free, where more is held than may be -> whether that was enough."""
        if resident_bytes() > self._most:
            _give_back()
        return resident_bytes() <= self._most


def resident_bytes() -> int:
    """Return what this process holds of the machine's memory; 0 where /proc is not as on Linux."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _give_back() -> None:
    """Have glibc return free memory to the kernel, which the worker's settings keep for the next photo otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
    if trim is not None:
        trim(0)
