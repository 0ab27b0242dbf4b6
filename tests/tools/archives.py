"""Archives whose handler does something else than the usual one."""

import zipfile
from pathlib import Path


def changed(archive: Path, folder: Path, entry: str, more: str | None) -> Path:
    """Return a copy of the archive with `more` at the end of an entry, or without the entry."""
    copy = folder / "changed.mar"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(copy, "w") as new:
        for name in old.namelist():
            if name != entry:
                new.writestr(name, old.read(name))
            elif more is not None:
                new.writestr(name, old.read(name) + more.encode())
    return copy
