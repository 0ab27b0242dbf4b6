"""Get the weights onto this machine, checked: `python -m scripts.fetch_weights`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from model.weights.errors import WeightsError
from model.weights.hub import PUBLISHED, HubFile
from model.weights.source import LOCK, Weights, resolve


def add_hub_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which file of the hub is meant, for every script that takes weights."""
    group = parser.add_argument_group("weights from the Hugging Face Hub")
    group.add_argument("--repository", default=PUBLISHED.repository, help="default: %(default)s")
    group.add_argument("--file", default=PUBLISHED.file, help="default: %(default)s")
    group.add_argument("--revision", help="commit, tag or branch; default: the locked one, or the newest")
    group.add_argument("--lock", type=Path, default=LOCK, help="the lock file; default: %(default)s")
    group.add_argument("--update-lock", action="store_true", help="take what the hub has now, and lock it")


def resolve_from(source: str, options: argparse.Namespace) -> Weights:
    """`resolve` with the options of `add_hub_options`."""
    hub = HubFile(options.repository, options.file, options.revision)
    return resolve(source, hub, options.lock, options.update_lock)


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch, and print the path and the SHA-256; status 1 and one line on stderr if that fails."""
    parser = argparse.ArgumentParser(description="Get the weights onto this machine and check them.")
    parser.add_argument("source", nargs="?", default="hub", help="hub (default), lite or a file")
    add_hub_options(parser)
    options = parser.parse_args(argv)
    try:
        weights = resolve_from(options.source, options)
    except WeightsError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{weights.path}\nSHA-256 {weights.sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
