"""Whether a server draws: `python -m scripts.healthcheck` sends it a photo of 64 pixels and looks at the picture.

Docker, Kubernetes and systemd ask this (deploy/README.md), and serve.sh before it says READY. It costs a third of a
second of a core, most of it Python's start.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.serving.arguments import add_max_wait
from scripts.serving.canary import CanaryError, draw
from scripts.serving.errors import SetupError
from scripts.serving.paths import CONTAINER, folder_of
from scripts.serving.settings import Ports

DRAWING_SECONDS = 3.0  # that come on top of what a request may wait; a canary takes a tenth of one


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when at least one worker draws, else 1 and why not."""
    options = _parser().parse_args(argv)
    try:
        draw(options.folder or _folder(options.port_offset), options.max_wait + DRAWING_SECONDS)
    except (CanaryError, SetupError) as error:
        print(error)
        return 1
    print("it draws")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="healthcheck", description="Tell whether the server on this machine draws.")
    add = parser.add_argument
    add("folder", nargs="?", type=Path, help="where it keeps its settings; default: serve.sh's, else a container's")
    add("--port-offset", type=int, default=0, metavar="K", help="as serve.sh was told; default: %(default)s")
    add_max_wait(parser)
    return parser


def _folder(offset: int) -> Path:
    own = folder_of(Ports.at(offset).rest)
    return own if own.exists() else CONTAINER


if __name__ == "__main__":
    sys.exit(main())
