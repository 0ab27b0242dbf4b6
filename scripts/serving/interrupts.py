"""What ends a command that serves: Ctrl-C, SIGTERM, and the end of its terminal."""

import signal
from typing import NoReturn

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def raise_on_interrupts() -> None:
    """Each of `INTERRUPTS` raises `KeyboardInterrupt` from now on."""
    for number in INTERRUPTS:
        # Who starts a command with nohup wants it to outlive the terminal; SIGINT is ignored by mere shell convention.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _leave)


def ignore_interrupts() -> None:
    """None of `INTERRUPTS` does anything from now on: a second Ctrl-C must not leave half of a server running."""
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)


def _leave(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
