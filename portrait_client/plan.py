"""Which pictures are to become of the photos: their names, and whether they are there already."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from portrait_client.mark import checksum, read_mark
from portrait_client.options import FRAMES, LINES, STYLES, Options
from portrait_client.picture import SUFFIXES
from portrait_client.search import Failure, Found

NAME = "{stem}-{style}"
_LONGEST = 255  # bytes of a file's name on Linux, macOS and, nearly, Windows


@dataclass(frozen=True)
class Wanted:
    """One picture of a photo."""

    path: Path
    options: Options
    overwrites: bool = False  # what is there


@dataclass(frozen=True)
class Task:
    """A photo and the pictures that are to become of it."""

    photo: Path
    wanted: tuple[Wanted, ...]


def plan(
    photos: Sequence[Found], options: Sequence[Options], out: Path | None = None, name: str = NAME
) -> tuple[list[Task], list[Failure]]:
    """Return a task for each photo with a picture for each of `options`, and what has no name of its own.

    Pictures lie beside their photos, or below `out` as the photos do below the folder that was named. `name` is
    the template of their names, as `check_name` takes it.
    """
    taken = {os.path.realpath(found.photo): found.photo for found in photos}  # no picture overwrites a photo
    tasks: dict[Path, Task] = {}
    failures = []
    # by path, whatever the order they were named in: the next run gives the same names
    for found in sorted(photos, key=lambda found: found.photo):
        wanted = []
        for drawn_so in options:
            candidates = list(_candidates(found, drawn_so, out, name))
            path = next((path for path in candidates if _is_free(path, found.photo, taken)), None)
            if path is None or _is_namesakes(candidates[0], found.photo, taken):
                failures.append(_clash(found, candidates[0], taken))
            else:
                taken[os.path.realpath(path)] = found.photo
                wanted.append(Wanted(path, drawn_so))
        tasks[found.photo] = Task(found.photo, tuple(wanted))
    return [task for found in photos if (task := tasks[found.photo]).wanted], failures


def check_name(name: str, styles: int) -> str:
    """Return a template of names for pictures in so many styles. Raises `ValueError` when it would not do."""
    try:
        name.format(**_values(Path("photo.jpg"), "photo", Options()))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        names = ", ".join(f"{{{field}}}" for field in _values(Path(), "", Options()))
        raise ValueError(f"--name: there are {names}, got {name} ({error})") from None
    if styles > 1 and "{style" not in name:
        raise ValueError(f"--name: needs {{style}} for several styles, got {name}")
    return name


def _values(photo: Path, stem: str, options: Options) -> dict[str, str | int]:
    return {
        "stem": stem,
        "suffix": photo.suffix.removeprefix("."),
        "style": options.style or STYLES[0],
        "frame": options.frame or FRAMES[0],
        "line": options.line or LINES[0],
        "size": options.size or "native",
    }


def _candidates(found: Found, options: Options, out: Path | None, name: str) -> Iterator[Path]:
    """Yield the names that a picture may have, best first: a.png beside a.jpg gives its whole name."""
    folder = out / found.below if out else found.photo.parent
    suffix = SUFFIXES[options.format or "png"][0]
    for stem in dict.fromkeys((found.photo.stem, found.photo.name)):
        path = folder / (name.format(**_values(found.photo, stem, options)) + suffix)
        yield path.with_name(shortened(path.name.removesuffix(suffix), suffix))


def shortened(stem: str, suffix: str) -> str:
    """Return the whole name, cut where the file system would refuse it and told from its like by a checksum."""
    encoded = os.fsencode(stem)
    if len(encoded) + len(suffix) <= _LONGEST:
        return stem + suffix
    end = f"~{checksum(stem)}{suffix}"
    return encoded[: _LONGEST - len(end)].decode(errors="ignore") + end


def _is_free(path: Path, photo: Path, taken: dict[str, Path]) -> bool:
    """Whether a path is neither taken in this run nor, by its mark, another photo's picture."""
    mark = read_mark(path)
    return os.path.realpath(path) not in taken and (mark is None or mark.photo == checksum(photo.name))


def _is_namesakes(picture: Path, photo: Path, taken: dict[str, Path]) -> bool:
    """Whether a path is that of another photo's picture whose file has the same name: no mark tells these apart."""
    owner = taken.get(os.path.realpath(picture), photo)
    return owner != photo and owner.name == photo.name


def _clash(found: Found, picture: Path, taken: dict[str, Path]) -> Failure:
    other = taken.get(os.path.realpath(picture), "another photo")
    reason = f"its picture would be {picture}, which is that of {other}; give it another --name or --out"
    return Failure(str(found.photo), reason)
