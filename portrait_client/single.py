"""One photo to the one file that was named for it, or through standard input and output."""

import sys
from pathlib import Path

from portrait_client.batch import Drawer
from portrait_client.errors import PortraitError
from portrait_client.mark import mark_of, marked
from portrait_client.options import Options
from portrait_client.writing import why_unwritable, write_picture

STREAM = Path("-")


def check_single(photo: str, picture: Path) -> None:
    """Raise `ValueError` or `OSError` where the picture could not be written, before it is drawn."""
    if picture == STREAM:
        if sys.stdout.isatty():
            raise ValueError("--out: a picture is nothing to read on a terminal; name a file, or pass it on with >")
    elif Path(photo).is_dir():
        raise ValueError(f"{photo}: is a folder, and {picture} one picture; name a folder with --out")
    elif picture.exists() and Path(photo).exists() and picture.samefile(photo):
        raise ValueError(f"--out: {picture} is the photo itself")
    elif why := why_unwritable(picture.parent):
        raise ValueError(f"{picture.parent}: cannot be written to ({why})")


def draw_single(photo: str, picture: Path, options: Options, drawer: Drawer) -> None:
    """Draw a photo and write its picture over what is there. Raises `PortraitError`, `OSError`."""
    source = sys.stdin.buffer.read() if photo == str(STREAM) else Path(photo).read_bytes()
    (drawn,) = drawer.draw_each(source, [options])
    if isinstance(drawn, PortraitError):
        raise drawn
    file = marked(drawn, mark_of(drawn, Path(photo).name, options))
    if picture == STREAM:
        sys.stdout.buffer.write(file)
        sys.stdout.flush()
    else:
        write_picture(picture, file, force=True)
