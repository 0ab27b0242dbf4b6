"""The client: `portrait photo.jpg` writes photo-portrait.png. Installed as `portrait`."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path

from portrait_client import Options, PortraitClient, PortraitError, __version__
from portrait_client.batch import INTERRUPTED, Drawer, Report, draw_all
from portrait_client.files import Failure, plan
from portrait_client.local import LocalPortraits
from portrait_client.options import FORMATS, FRAMES, HELP, LINES, SCENES, STYLES
from portrait_client.rest import GRPC_SERVER, SERVER
from portrait_client.tokens import KEY_FILE, VARIABLE, find_token

ARCHIVE = Path("build", "model-store", "portrait.mar")  # where serve.sh puts it, in a clone
_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "svg": ".svg"}
_INTERRUPTED = 130  # as shells have it


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the photos; status 0 when every portrait is there, 1 when one is not, 130 after Ctrl-C."""
    options = _parser().parse_args(argv)
    tasks, amiss = plan(options.photos, options.out, _SUFFIXES[options.format or "png"])
    try:
        with _drawer(options) as drawer:
            at_once = 1 if options.local else options.at_once
            report = draw_all(tasks, drawer, _options(options), at_once=at_once, force=options.force)
    except (PortraitError, ModuleNotFoundError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    _tell(report, amiss)
    if report.stopped_by == INTERRUPTED:
        return _INTERRUPTED
    return 1 if report.failed or report.untried or amiss else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="portrait",
        description="Draw portraits of photos: photo.jpg becomes photo-portrait.png.",
        epilog="A portrait that is there is left as it is, so that an interrupted folder goes on where it stopped.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo, a folder or a glob in quotes")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write there, not beside the photos")
    parser.add_argument("--force", action="store_true", help="overwrite portraits that are there")
    parser.add_argument("--at-once", type=_count, default=4, metavar="N", help="photos at once; default: 4")
    _add_drawing_options(parser.add_argument_group("how it is drawn (without: as the server does)"))
    _add_server_options(parser.add_argument_group("who draws"))
    return parser


def _add_drawing_options(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--style", choices=STYLES, help=HELP["style"])
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


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be a number from 1, got {text}")
    return int(text)


def _size(text: str) -> int | str:
    if text != "native" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be native or a number of pixels, got {text}")
    return text if text == "native" else int(text)


def _options(given: argparse.Namespace) -> Options:
    return Options(**{field.name: getattr(given, field.name) for field in fields(Options)})


def _drawer(options: argparse.Namespace) -> AbstractContextManager[Drawer]:
    if options.local:
        return LocalPortraits(options.archive)
    server = options.server or (GRPC_SERVER if options.grpc else SERVER)
    token = find_token(options.token, options.key_file, server)
    if not options.grpc:
        return PortraitClient(server, token)
    # only here: gRPC is an extra
    from portrait_client.grpc_client import GrpcPortraitClient

    return GrpcPortraitClient(server, token)


def _tell(report: Report, amiss: Sequence[Failure]) -> None:
    """Paths of new portraits on stdout, for other programs; the account on stderr."""
    for path in report.drawn:
        print(path)
    failed = [*amiss, *report.failed]
    for failure in failed:
        print(f"{failure.name}: {failure.reason}", file=sys.stderr)
    interrupted = report.stopped_by == INTERRUPTED
    untried = "interrupted; the same command goes on" if interrupted else "they would fail alike"
    counts = {
        "drawn": len(report.drawn),
        "there already (--force draws anew)": len(report.there),
        "failed": len(failed),
        f"not tried ({untried})": report.untried,
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    if sum(counts.values()) != len(report.drawn) or len(report.drawn) != 1:
        print(f"{told or 'Nothing to draw: these are portraits'}.", file=sys.stderr)
