"""Photos that arrive: looked for again and again, which works on every file system and on shared folders."""

from collections.abc import Sequence
from pathlib import Path

from portrait_client.search import Found

PAUSE_S = 1.0  # between two looks

Stamp = tuple[int, int]  # size and time of the last change, in nanoseconds


class Arrivals:
    """Tells which photos are new, or have changed, and are whole: between two looks nobody wrote to them."""

    def __init__(self) -> None:
        self._before: dict[Path, Stamp] = {}
        self._told: dict[Path, Stamp] = {}

    def among(self, photos: Sequence[Found], force: bool = False) -> list[tuple[list[Found], bool]]:
        """Return those that are new with `force`, and with True those that have changed since they were."""
        now = {found: stamp for found in photos if (stamp := _stamp(found.photo))}
        whole = [found for found, stamp in now.items() if self._before.get(found.photo) == stamp]
        self._before = {found.photo: stamp for found, stamp in now.items()}
        new = [found for found in whole if found.photo not in self._told]
        changed = [found for found in whole if self._told.get(found.photo, now[found]) != now[found]]
        self._told |= {found.photo: now[found] for found in (*new, *changed)}
        return [group for group in ((new, force), (changed, True)) if group[0]]

    def forget(self, photos: Sequence[Found]) -> None:
        """Tell of these once more."""
        for found in photos:
            self._told.pop(found.photo, None)


def _stamp(photo: Path) -> Stamp | None:
    try:
        status = photo.stat()
    except OSError:  # gone meanwhile
        return None
    return status.st_size, status.st_mtime_ns
