"""A call that may wait forever gets a limit: not on its length, but on its silence."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

Result = TypeVar("Result")

STALL_S = 12.0  # the hub's client gives a silent host 10 s before it says so itself


class Watch:
    """Remembers when something last happened."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def tick(self) -> None:
        """Something happened."""
        self.last = time.monotonic()


def while_alive(call: Callable[[Watch], Result], stall_s: float = STALL_S) -> Result:
    """`call(watch)`, unless its watch has not ticked for `stall_s` seconds.

    A timeout per socket does not bound look-ups of names, several addresses per host, or retries.
    Raises `TimeoutError`, and leaves the call to its own end: no thread can be stopped from outside.
    """
    watch = Watch()
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(call(watch))
        except BaseException as error:
            outcome.set_exception(error)

    # daemon: a process must be able to end while the call still hangs
    threading.Thread(target=run, daemon=True).start()
    while not outcome.done():
        left = watch.last + stall_s - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no answer for {stall_s:.0f} s")
        wait([outcome], timeout=left)
    return outcome.result()
