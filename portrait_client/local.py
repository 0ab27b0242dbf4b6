"""Portraits on this machine, without a server: an archive's own handler, in processes of its own.

An archive is a program: it brings the code that goes with its network. In a process of its own, its modules meet none
of those of the program that draws, so `handler` there is the archive's and nobody else's.
"""

import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any

from portrait_client.errors import UNREACHABLE, PortraitError, UnavailableError, error_from
from portrait_client.options import DEFAULTS, Options, with_keywords
from portrait_client.photo import Photo, read_photo
from portrait_client.picture import Picture
from portrait_client.rest import picture_from

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from portrait_client.options import Keywords

_PROGRAM = Path(__file__).with_name("archive_process.py")
_BROKEN_OFF = (EOFError, OSError, pickle.UnpicklingError)
_PROCESS_BYTES = 1_400_000_000  # the most that one needs, over the largest photo: docs/operations.md, Memory


def crew_for(photos: int) -> int:
    """Return how many processes draw so many photos soonest: one for each core, as far as photos and memory reach."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(photos, _usable_cores(), memory // _PROCESS_BYTES))


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _share(processes: int) -> int:
    """Return each process's threads; with 4, 2 and 1 a photo gives the same bytes: handler/cores.py."""
    return next((threads for threads in (4, 2) if threads * processes <= _usable_cores()), 1)


class LocalPortraits:
    """Draws with what an archive holds; safe to share between threads.

    So many `processes` draw as many photos at once, each with its share of the cores. A folder is drawn soonest with
    a process for each core, a photo alone with one. The archive's code is run: draw with archives that you trust.
    """

    def __init__(self, archive: str | os.PathLike[str], processes: int = 1) -> None:
        """Load what a worker would load. Raises `PortraitError` for an archive that cannot be drawn with."""
        threads = _share(processes) if processes > 1 else None
        self._crew = [_Process(threads) for _ in range(processes)]
        self._free: SimpleQueue[_Process] = SimpleQueue()
        self.close = weakref.finalize(self, _end, self._crew)
        """End the processes; without a call they end with this object, or with the interpreter."""
        try:
            self._load(str(archive))
        except PortraitError:
            self.close()
            raise

    def _load(self, archive: str) -> None:
        first, *others = self._crew
        first.put((archive, None))
        folder = _fit(first.get())  # it unpacks for all
        for process in others:
            process.put((archive, folder))
            _fit(process.get())
        for process in self._crew:
            _fit(process.get())
            self._free.put(process)

    def draw(self, photo: Photo, options: Options = DEFAULTS, **given: "Unpack[Keywords]") -> Picture:
        """As `PortraitClient.draw`, with the same result. Raises `RefusedError`."""
        (drawn,) = self.draw_each(read_photo(photo), [with_keywords(options, given)])
        if isinstance(drawn, PortraitError):
            raise drawn
        return drawn

    def draw_each(self, photo: bytes, options: Sequence[Options]) -> Iterator[Picture | PortraitError]:
        """Yield a picture of the photo, or why there is none, for each of `options`.

        Where these have the network see the same, it runs once for all of them.
        """
        try:
            with self._process() as process:
                process.put((photo, [drawn_so.fields() for drawn_so in options]))
                answers = process.get()
        except UnavailableError as error:
            answers = [error] * len(options)
        yield from (_outcome(answer) for answer in answers)

    @contextmanager
    def _process(self) -> "Iterator[_Process]":
        """Take a process from those that are free and give it back."""
        process = self._free.get()
        try:
            yield process
        except PortraitError:
            raise
        except BaseException:
            process.end()  # or the next photo would get the answer to this one
            raise
        finally:
            self._free.put(process)

    def __enter__(self) -> "LocalPortraits":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _fit(told: tuple[str, str]) -> str:
    """Return what a process says of its archive. Raises `PortraitError` where that is why it does not draw."""
    kind, text = told
    if kind:
        raise PortraitError(0, kind, text)
    return text


def _outcome(answer: Any) -> Picture | PortraitError:
    if isinstance(answer, PortraitError):
        return answer
    status, body, headers = answer
    return picture_from(body, headers) if status == HTTPStatus.OK else error_from(status, body)


class _Process:
    """A process that runs `archive_process`: what is put in is answered in its order."""

    def __init__(self, threads: int | None) -> None:
        limits = {"OMP_NUM_THREADS": str(threads), "OPENCV_FOR_THREADS_NUM": str(threads)} if threads else {}
        self._process = subprocess.Popen(
            [sys.executable, str(_PROGRAM)],
            env={**os.environ, **limits},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def put(self, question: object) -> None:
        """Ask. Raises `UnavailableError` when the process has ended."""
        assert self._process.stdin
        if self._process.stdin.closed:
            raise self._ended()
        try:
            pickle.dump(question, self._process.stdin)
            self._process.stdin.flush()
        except _BROKEN_OFF as error:
            raise self._ended() from error

    def get(self) -> Any:
        """Return the next answer. Raises `UnavailableError` when the process has ended."""
        assert self._process.stdout
        try:
            return pickle.load(self._process.stdout)
        except _BROKEN_OFF as error:
            raise self._ended() from error

    def end(self) -> None:
        """Close its input, which ends it, and read on, which lets it come to that."""
        self._process.communicate()

    def _ended(self) -> PortraitError:
        self.end()
        status = self._process.returncode
        return UnavailableError(0, UNREACHABLE, f"the process that draws has ended, with status {status}")


def _end(crew: Sequence[_Process]) -> None:
    for process in reversed(crew):  # the first keeps what it unpacked for all
        process.end()
