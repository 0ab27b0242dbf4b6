"""The machine's cores, shared among the workers of one server that draw at the moment.

A worker at work, from a photo's arrival to its answer, holds a lock on a file of its own; how many
are held when its network begins is by how many it divides the cores. So a photo alone is drawn
soonest, and many at once have a core each, which draws the most in all. The kernel drops the lock
of a worker that dies.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# With each of these a photo gives the same bytes; with three, or with more, sums may round otherwise.
THREADS = (4, 2, 1)


class Cores:
    """One worker's view of them."""

    def __init__(self, folder: Path, threads: int) -> None:
        """`folder`: the same for all workers of a server. `threads`: what they share."""
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._threads = threads
        self._own = os.open(folder / str(os.getpid()), os.O_RDWR | os.O_CREAT)  # for the life of the process

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count this worker among those that draw."""
        fcntl.flock(self._own, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._own, fcntl.LOCK_UN)

    def share(self) -> int:
        """Threads for this worker now: one of `THREADS`."""
        at_work = max(1, sum(map(is_held, self.folder.iterdir())))
        return next((number for number in THREADS if number * at_work <= self._threads), 1)

    def workers(self) -> int:
        """Workers of this server that have loaded and are there, this one among them."""
        return sum(map(_is_there, self.folder.iterdir()))


def _is_there(path: Path) -> bool:
    """Whether the worker whose file this is has not ended."""
    return Path("/proc", path.name).exists()


def is_held(path: Path) -> bool:
    """Whether another process has locked a file, as a worker does with its own while it draws."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
