"""Which photos are meant by files, folders and globs."""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from portrait_client.mark import read_mark

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".avif", ".heic", ".heif")
# Thumbnails and bins of Synology, macOS and Windows; on other systems such folders begin with a dot.
_NOT_ENTERED = ("@eaDir", "#recycle", "__MACOSX", "$RECYCLE.BIN")


@dataclass(frozen=True)
class Found:
    """A photo, and its folder below the one that was named."""

    photo: Path
    below: Path = Path()


@dataclass(frozen=True)
class Failure:
    """What was asked for and could not be had."""

    name: str
    reason: str


@dataclass
class Search:
    """What was found."""

    photos: list[Found] = field(default_factory=list)
    portraits: list[Path] = field(default_factory=list)  # by their mark drawn by this client: no photos
    skipped: Counter[str] = field(default_factory=Counter)  # suffix, or name without one -> files that are no photos
    failures: list[Failure] = field(default_factory=list)


def search(arguments: Sequence[str]) -> Search:
    """Files, folders and globs -> photos in their order, each once, and what is none.

    A name that is there is a name, also one with brackets. Folders are searched to the bottom, linked ones too.
    """
    result, seen = Search(), set[str]()
    for argument in arguments:
        before = len(seen)
        for found, named in _meant(argument, result.failures):
            real = os.path.realpath(found.photo)  # one file by two paths is one photo
            if real not in seen:
                seen.add(real)
                _sort(found, named, result)
        if len(seen) == before and not _is_there(argument):
            result.failures.append(Failure(argument, "there is no such file or folder"))
    return result


def _is_there(argument: str) -> bool:
    return os.path.exists(argument) or bool(glob.glob(argument, recursive=True))


def _sort(found: Found, named: bool, result: Search) -> None:
    """File what was found under what it is; a file that was named is a photo whatever its suffix."""
    suffix = found.photo.suffix
    if not named and (suffix.lower() not in PHOTO_SUFFIXES or not found.photo.is_file()):
        result.skipped[suffix or found.photo.name] += 1
    elif found.photo.is_file() and read_mark(found.photo):  # not of a pipe, which can be read once only
        result.portraits.append(found.photo)
    else:
        result.photos.append(found)


def _meant(argument: str, failures: list[Failure]) -> Iterator[tuple[Found, bool]]:
    """Files that an argument means, each with whether it was named itself."""
    path = Path(argument)
    if path.is_dir():
        yield from ((found, False) for found in _within(path, failures))
    elif path.exists():
        yield Found(path), True
    else:
        for match in map(Path, sorted(glob.glob(argument, recursive=True))):
            yield from ((found, False) for found in _matched(match, _root(path), failures))


def _root(pattern: Path) -> Path:
    """Return the folder that a glob begins in: its parts up to the first with a wildcard."""
    plain = [part for part in pattern.parents if not glob.has_magic(str(part))]
    return plain[0]


def _matched(match: Path, root: Path, failures: list[Failure]) -> Iterator[Found]:
    below = match.parent.relative_to(root)
    if any(is_hidden(part) for part in match.relative_to(root).parts):
        return
    if match.is_dir():
        inside = _within(match, failures)
        yield from (Found(found.photo, below / match.name / found.below) for found in inside)
    else:
        yield Found(match, below)


def _within(top: Path, failures: list[Failure]) -> Iterator[Found]:
    """Files of a folder to its bottom; folders behind links come last, so that a file is met at its own place first."""
    seen, waiting = set[str](), [top]
    while waiting:
        for here, folders, files in os.walk(waiting.pop(0), onerror=lambda error: failures.append(_unread(error))):
            real = os.path.realpath(here)
            folders[:] = [] if real in seen else sorted(name for name in folders if not is_hidden(name))
            if real not in seen:
                yield from (Found(Path(here, name), Path(here).relative_to(top)) for name in _visible(files))
            seen.add(real)
            waiting += [link for name in folders if (link := Path(here, name)).is_symlink()]


def _visible(files: Sequence[str]) -> list[str]:
    return sorted(name for name in files if not is_hidden(name))


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that people do not see."""
    return name.startswith(".") or name in _NOT_ENTERED


def _unread(error: OSError) -> Failure:
    return Failure(str(error.filename), f"cannot be read ({error.strerror})")
