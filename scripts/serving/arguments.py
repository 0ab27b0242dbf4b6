"""What every command that serves can be told about the server."""

import argparse

# handler/precision.py says what each is and which machine has it. Named again here, as a command must be able to
# print its help before there is a .venv, and in an image there is no handler but the archive's; a test compares them.
PRECISIONS = ("auto", "fp32", "fp16", "bf16", "int8-w7", "int8")


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """--precision, --workers, --threads and --port-offset, for scripts/serve.py and scripts/container/start.py."""
    add = parser.add_argument
    add("--precision", default="auto", choices=PRECISIONS, help="what to compute in; default: the fastest here")
    add("--workers", type=int, help="processes that draw; default: one for each core, as memory allows")
    add("--threads", type=int, help="shared by the workers that draw, up to four each; default: one for each core")
    add("--port-offset", type=int, default=0, metavar="K", help="add K to all ports; default: %(default)s")
