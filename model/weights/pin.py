"""`weights.lock`: which bytes the hub gave at the first fetch, and the only ones taken from then on."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from model.files import write_whole
from model.weights.errors import WeightsError


@dataclass(frozen=True)
class Pin:
    """One file on the hub, down to its bytes."""

    repository: str
    revision: str  # the commit, never a branch
    file: str
    size: int  # bytes
    sha256: str  # 64 hex digits


def read_lock(path: Path) -> Pin | None:
    """Return the pin in the lock file, None where there is none. Raises `WeightsError` if it is damaged."""
    try:
        return Pin(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise WeightsError(
            f"{path.name}: damaged ({error}); restore it from version control, or write it anew with --update-lock"
        ) from error


def write_lock(path: Path, pin: Pin) -> None:
    """Write the lock file, whole or not at all. Raises `WeightsError` where it cannot be written."""
    try:
        write_whole(path, json.dumps(asdict(pin), indent=2) + "\n")
    except OSError as error:
        raise WeightsError(f"{path}: cannot be written ({error.strerror})") from error
