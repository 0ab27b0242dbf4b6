"""What the command `portrait` is told: its arguments, parsed and checked against each other."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from portrait_client import __version__
from portrait_client.address import GRPC_SERVER, SERVER
from portrait_client.options import FORMATS, FRAMES, HELP, LINES, SCENES, STYLES, Options, in_styles
from portrait_client.picture import format_of
from portrait_client.plan import NAME, check_name
from portrait_client.single import STREAM
from portrait_client.tokens import KEY_FILE, VARIABLE

CARRIED = Path(__file__).with_name("portrait.mar")  # where a wheel has it, if it was built with one
ARCHIVE = CARRIED if CARRIED.is_file() else Path("build", "model-store", "portrait.mar")  # else serve.sh's, in a clone


@dataclass(frozen=True)
class Command:
    """What is to be done."""

    photos: list[str]
    out: Path | None  # a folder; None: beside the photos
    picture: Path | None  # where the one picture goes, which may be STREAM
    options: list[Options]  # one for each style
    given: argparse.Namespace


def parse(argv: Sequence[str] | None) -> Command:
    """Return what the arguments say; ends the program with status 2 and a line where they are wrong."""
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        check_name(given.name, len(given.style))
        return _command(given)
    except ValueError as error:
        parser.error(str(error))


def _command(given: argparse.Namespace) -> Command:
    picture = _picture(given)
    if picture:
        given.format = _format(picture, given.format)
    return Command(given.photos, None if picture else given.out, picture, options_of(given), given)


def _picture(given: argparse.Namespace) -> Path | None:
    """Where the one picture goes that is asked for; None where several may be. Raises `ValueError`."""
    out: Path | None = given.out
    streams = str(STREAM) in given.photos
    if out and (out == STREAM or (format_of(out) and not out.is_dir())):
        picture = out
    elif streams and out is None:
        picture = STREAM
    elif streams:
        raise ValueError(f"--out: must be a file for a photo from standard input, got {out}")
    else:
        return None
    if len(given.photos) > 1 or len(given.style) > 1 or given.watch:
        raise ValueError(f"--out: {picture} is one picture; name one photo and one --style, or a folder")
    return picture


def _format(picture: Path, asked: str | None) -> str | None:
    """Return the format that a picture's name promises. Raises `ValueError` where another one is asked for."""
    named = format_of(picture)
    if named and asked and named != asked:
        raise ValueError(f"--format: {picture} promises {named}, got {asked}")
    return asked or named


def options_of(given: argparse.Namespace) -> list[Options]:
    """Return what `add_drawing_options` was told, once for each style."""
    common = {field.name: getattr(given, field.name) for field in fields(Options)}
    return in_styles(Options(**{**common, "style": None}), given.style)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="portrait",
        description="Draw portraits of photos: photo.jpg becomes photo-draw.png.",
        epilog="A picture that is there is left as it is, so that an interrupted folder goes on where it stopped; one "
        "that this command drew with other options is drawn anew.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "photos", nargs="+", type=_named, metavar="PHOTO", help="a photo, a folder, a glob in quotes, or - for input"
    )
    parser.add_argument(
        "-o", "--out", type=Path, metavar="PATH", help="write to this folder or, for one photo, file; - for output"
    )
    parser.add_argument(
        "--name", default=NAME, help="of the pictures, with {stem}, {suffix} and options; default: %(default)s"
    )
    parser.add_argument("--force", action="store_true", help="overwrite pictures that are there")
    parser.add_argument("--watch", action="store_true", help="go on with photos that arrive, until Ctrl-C")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but what is wrong")
    parser.add_argument(
        "--at-once", type=_count, metavar="N", help="photos at once; default: 4, with --local a photo for each core"
    )
    add_drawing_options(parser.add_argument_group("how it is drawn (without: as the server does)"))
    _add_server_options(parser.add_argument_group("who draws"))
    return parser


def add_drawing_options(group: "argparse._ArgumentGroup") -> None:
    """--style, --frame and the others of `Options`."""
    group.add_argument(
        "--style", type=_styles, default=STYLES[:1], help=f"{HELP['style']}; several with commas between"
    )
    group.add_argument("--frame", choices=FRAMES, help=HELP["frame"])
    group.add_argument("--scene", choices=SCENES, help=HELP["scene"])
    group.add_argument("--line", choices=LINES, help=HELP["line"])
    group.add_argument("--size", type=_size, help=HELP["size"])
    group.add_argument("--format", choices=FORMATS, help=HELP["format"])
    group.add_argument("--background", help=HELP["background"])
    group.add_argument("--alpha", type=float, help=HELP["alpha"])
    group.add_argument("--sigma", type=float, help=HELP["sigma"])


def _add_server_options(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--server", help=f"default: {SERVER}, with --grpc {GRPC_SERVER}")
    group.add_argument("--grpc", action="store_true", help="by gRPC instead of REST")
    group.add_argument("--token", help=f"default: ${VARIABLE}, or {KEY_FILE} for a server on this machine")
    group.add_argument("--key-file", type=Path, metavar="FILE", help="take the token from TorchServe's key file")
    group.add_argument("--local", action="store_true", help="draw on this machine, without a server")
    group.add_argument("--archive", type=Path, default=ARCHIVE, help="what --local runs; default: %(default)s")


def _named(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("is empty; name a photo, a folder (. for this one) or a glob in quotes")
    return text


def _styles(text: str) -> list[str]:
    styles = list(dict.fromkeys(text.split(",")))
    if wrong := [style for style in styles if style not in STYLES]:
        raise argparse.ArgumentTypeError(f"must be of {', '.join(STYLES)}, got {', '.join(wrong)}")
    return styles


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be a number from 1, got {text}")
    return int(text)


def _size(text: str) -> int | str:
    if text != "native" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be native or a number of pixels, got {text}")
    return text if text == "native" else int(text)
