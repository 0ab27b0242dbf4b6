"""What every command that serves can be told about the server."""

import argparse
import os
import re

# handler/precision.py says what each is and which machine has it. Named again here, as a command must be able to
# print its help before there is a .venv, and in an image there is no handler but the archive's; a test compares them.
PRECISIONS = ("auto", "fp32", "fp16", "bf16", "int8-w7", "int8")

MAX_WAIT, MOST_WAIT = 5.0, 3600.0
MAX_WAIT_VARIABLE = "PORTRAIT_MAX_WAIT"


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """--precision, --workers, --threads, --max-wait, --port-offset: for serve.py and scripts/container/start.py."""
    add = parser.add_argument
    add("--precision", default="auto", choices=PRECISIONS, help="what to compute in; default: the fastest here")
    add("--workers", type=int, help="processes that draw; default: one for each core, as memory allows")
    add("--threads", type=int, help="shared by the workers that draw, up to four each; default: one for each core")
    add_max_wait(parser)
    add("--port-offset", type=int, default=0, metavar="K", help="add K to all ports; default: %(default)s")


def add_max_wait(parser: argparse.ArgumentParser) -> None:
    """--max-wait, whose default is the variable PORTRAIT_MAX_WAIT where it is set, for containers."""
    default = os.environ.get(MAX_WAIT_VARIABLE) or f"{MAX_WAIT:g}"
    told = f"that a request may wait before it is drawn, else 503; default: {MAX_WAIT_VARIABLE}, else {MAX_WAIT:g}"
    parser.add_argument("--max-wait", type=_seconds, default=default, metavar="SECONDS", help=told)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= MOST_WAIT:
        raise argparse.ArgumentTypeError(f"must be more than 0 and at most {MOST_WAIT:g}, got {text}")
    return seconds


def origin(text: str) -> str:
    """Return an origin as browsers write it. Raises `ArgumentTypeError` for what is none."""
    if text != "*" and not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", text.lower()):
        raise argparse.ArgumentTypeError(f"must be like https://app.example.com, or *, got {text}")
    return text.lower()
