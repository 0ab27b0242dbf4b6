"""Which photos are meant, where their portraits go, and how these are written."""

import errno
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".avif", ".heic", ".heif")
_ENDING = "-portrait"


@dataclass(frozen=True)
class Task:
    """A photo and the picture that is to become of it."""

    photo: Path
    picture: Path


@dataclass(frozen=True)
class Failure:
    """What was asked for and could not be had."""

    name: str
    reason: str


def plan(arguments: Sequence[str], out: Path | None, suffix: str) -> tuple[list[Task], list[Failure]]:
    """Files, folders and globs -> one task a photo, in their order, and what is amiss.

    Folders are searched to the bottom and keep their shape under `out`; without `out` a portrait
    lies beside its photo. Portraits made before are no photos.
    """
    found: dict[Path, Task] = {}
    failures: list[Failure] = []
    for argument in arguments:
        photos = list(_photos(argument))
        if not photos:
            failures.append(Failure(argument, "there is no such file, or no photo in it"))
        for photo, below in photos:
            folder = out / below if out else photo.parent
            task = Task(photo, folder / f"{photo.stem}{_ENDING}{suffix}")
            if not _is_portrait(photo):
                found.setdefault(photo.absolute(), task)
    return _without_clashes(list(found.values()), failures), failures


def _photos(argument: str) -> Iterator[tuple[Path, Path]]:
    """Photos meant by an argument, each with its folder below the one that was named."""
    path = Path(argument)
    if path.is_dir():
        yield from ((photo, photo.parent.relative_to(path)) for photo in sorted(path.rglob("*")) if _is_photo(photo))
    elif path.exists():
        yield path, Path()
    else:
        names = sorted(glob.glob(argument, recursive=True))
        yield from ((Path(name), Path()) for name in names if _is_photo(Path(name)))


def _is_photo(path: Path) -> bool:
    hidden = path.name.startswith(".")
    return path.suffix.lower() in PHOTO_SUFFIXES and not hidden and path.is_file()


def _is_portrait(path: Path) -> bool:
    """Whether it was made from a photo beside it: self-portrait.jpg without self.jpg is a photo."""
    if not path.stem.endswith(_ENDING):
        return False
    source = path.with_name(path.stem.removesuffix(_ENDING))
    return any(source.with_name(source.name + suffix).exists() for suffix in PHOTO_SUFFIXES)


def _without_clashes(tasks: list[Task], failures: list[Failure]) -> list[Task]:
    pictures = {task.picture.absolute() for task in tasks}
    taken: dict[Path, Task] = {}
    for task in tasks:
        if task.photo.absolute() in pictures:
            continue  # a portrait from an earlier run, in the folder that is searched
        first = taken.setdefault(task.picture.absolute(), task)
        if first != task:
            reason = f"its portrait would be {task.picture}, which is that of {first.photo}"
            failures.append(Failure(str(task.photo), reason))
    return list(taken.values())


def write_picture(path: Path, data: bytes, force: bool) -> None:
    """Write `data`, whole or not at all. Raises `FileExistsError` when `path` is there, unless forced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_bytes(data)
        if force:
            unfinished.replace(path)
        else:
            _rename_anew(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _rename_anew(unfinished: Path, path: Path) -> None:
    try:
        os.link(unfinished, path)  # unlike a rename it never overwrites
    except FileExistsError:
        raise
    except OSError:  # some file systems have no links
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        unfinished.replace(path)
