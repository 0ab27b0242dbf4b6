"""Get the weights onto this machine, checked: `python -m scripts.fetch_weights`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from model.files import sha256_of
from model.weights import person
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


def fetch_person() -> tuple[Path, ...]:
    """Have the models of person and faces here, checked; a line on stderr before they are downloaded."""
    return person.fetch(announce=lambda line: print(line, file=sys.stderr, flush=True))


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch, and print each path and SHA-256; status 1 and one line on stderr if that fails."""
    parser = argparse.ArgumentParser(description="Get the weights onto this machine and check them.")
    parser.add_argument("source", nargs="?", default="hub", help="hub (default), lite, a file, or person")
    add_hub_options(parser)
    options = parser.parse_args(argv)
    try:
        fetched = _fetch(options)
    except WeightsError as error:
        print(error, file=sys.stderr)
        return 1
    for path, sha256 in fetched:
        print(f"{path}\nSHA-256 {sha256}")
    return 0


def _fetch(options: argparse.Namespace) -> list[tuple[Path, str]]:
    """-> what was fetched: path and SHA-256."""
    if options.source == "person":
        return [(path, sha256_of(path)) for path in fetch_person()]
    weights = resolve_from(options.source, options)
    return [(weights.path, weights.sha256)]


if __name__ == "__main__":
    sys.exit(main())
