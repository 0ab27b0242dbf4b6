"""Installs what a command needs into .venv: `python -m scripts.serving.prepare test`."""

import sys

from scripts.serving import bootstrap
from scripts.serving.errors import SetupError


def main() -> int:
    """Status 0 once everything of requirements/<argument>.txt is there; else 1 and what to do."""
    try:
        with bootstrap.only_one():
            bootstrap.ensure(sys.argv[1])
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
