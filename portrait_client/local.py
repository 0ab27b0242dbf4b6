"""Portraits on this machine, without a server: an archive's own handler, in a process of its own.

An archive is a program: it brings the code that goes with its network. In a process of its own, its modules meet none
of those of the program that draws, so `handler` there is the archive's and nobody else's.
"""

import pickle
import subprocess
import sys
import threading
import weakref
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any

from portrait_client.errors import UNREACHABLE, PortraitError, UnavailableError, error_from
from portrait_client.options import DEFAULTS, Options
from portrait_client.picture import Picture
from portrait_client.rest import picture_from

_PROGRAM = Path(__file__).with_name("archive_process.py")
_BROKEN_OFF = (EOFError, OSError, pickle.UnpicklingError)


class LocalPortraits:
    """Draws with what an archive holds; the network uses all cores, so one photo at a time.

    The archive's code is run: draw with archives that you trust.
    """

    def __init__(self, archive: Path) -> None:
        """Load what a worker would load. Raises `PortraitError` for an archive that cannot be drawn with."""
        program = [sys.executable, str(_PROGRAM)]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._one_at_a_time = threading.Lock()
        self.close = weakref.finalize(self, _end, self._process)
        """End the process; without a call it ends with this object, or with the interpreter."""
        kind, reason = self._ask(str(archive))
        if reason:
            self.close()
            raise PortraitError(0, kind, reason)

    def draw(self, photo: bytes, options: Options = DEFAULTS) -> Picture:
        """As `PortraitClient.draw`, with the same result. Raises `RefusedError`."""
        status, body, headers = self._ask((photo, options.fields()))
        if status != HTTPStatus.OK:
            raise error_from(status, body)
        return picture_from(body, headers)

    def _ask(self, question: object) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        if self._process.stdin.closed:
            raise self._ended()
        try:
            with self._one_at_a_time:
                pickle.dump(question, self._process.stdin)
                self._process.stdin.flush()
                return pickle.load(self._process.stdout)
        except _BROKEN_OFF as error:
            raise self._ended() from error
        except BaseException:
            self.close()  # or the next photo would get the answer to this one
            raise

    def _ended(self) -> PortraitError:
        self.close()
        status = self._process.returncode
        return UnavailableError(0, UNREACHABLE, f"the process that draws has ended, with status {status}")

    def __enter__(self) -> "LocalPortraits":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.communicate()  # closes its input, which ends it, and reads on, which lets it come to that
