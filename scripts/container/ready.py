"""Whether the server in this container takes photos: `python -m scripts.container.ready`, the image's health check."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.serving.management import ManagementError, describe
from scripts.serving.paths import CONTAINER


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when every worker is ready, else 1 and why not."""
    try:
        workers = describe(_parser().parse_args(argv).folder).workers
    except ManagementError as error:
        print(f"no answer from the server: {error}")
        return 1
    print(f"workers: {', '.join(worker.status for worker in workers) or 'none'}")
    return 0 if workers and all(worker.is_ready for worker in workers) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ready", description="Tell whether the server in this container takes photos."
    )
    parser.add_argument("folder", nargs="?", type=Path, default=CONTAINER, help="the server's; default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
