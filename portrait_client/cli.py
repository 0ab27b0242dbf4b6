"""The client: `portrait photo.jpg` writes photo-draw.png. Installed as `portrait`."""

import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from portrait_client import PortraitClient, PortraitError
from portrait_client.account import put_path, say, tell
from portrait_client.address import GRPC_SERVER, SERVER
from portrait_client.arguments import Command, parse
from portrait_client.batch import AT_ONCE, Drawer, Report, draw_all, still_wanted
from portrait_client.errors import UNREACHABLE
from portrait_client.local import LocalPortraits, crew_for
from portrait_client.plan import Task, plan
from portrait_client.search import Search, search
from portrait_client.single import STREAM, check_single, draw_single
from portrait_client.tokens import find_token
from portrait_client.watch import PAUSE_S, Arrivals

_INTERRUPTED = 130  # as shells have it
_NOBODY = "Start one here with  bash scripts/serve.sh, name another with --server, or draw without one with --local"


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the photos; status 0 when every picture is there, 1 when one is not, 130 after Ctrl-C."""
    command = parse(argv)
    try:
        if command.picture:
            return _draw_one(command, command.picture)
        return _watch(command) if command.given.watch else _draw_found(command)
    except PortraitError as error:
        say(_told(error, command))
    except (ModuleNotFoundError, ValueError, OSError) as error:
        say(str(error))
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 1


def _draw_one(command: Command, picture: Path) -> int:
    check_single(command.photos[0], picture)
    with _drawer(command, at_once=1) as drawer:
        draw_single(command.photos[0], picture, command.options[0], drawer)
    if picture != STREAM and not command.given.quiet:
        put_path(picture)
    return 0


def _draw_found(command: Command) -> int:
    found, given = search(command.photos), command.given
    tasks, report = _wanted(command, found, given.force)
    if tasks:
        at_once = _at_once(command, len(tasks))
        with _drawer(command, at_once) as drawer:
            draw_all(tasks, drawer, report, at_once=at_once, progress=False if given.quiet else None)
    _tell(report, found, command)
    if report.interrupted:
        return _INTERRUPTED
    return 1 if report.failed or report.untried or found.failures else 0


def _watch(command: Command) -> int:
    """Draw photos as they arrive, until Ctrl-C, or until none can be drawn from the start."""
    if search(command.photos).failures:  # what is not there cannot be watched
        return _draw_found(command)
    arrivals, at_once, drew = Arrivals(), _at_once(command, sys.maxsize), False
    with _drawer(command, at_once) as drawer, suppress(KeyboardInterrupt):
        while True:
            for photos, force in arrivals.among(search(command.photos).photos, command.given.force):
                tasks, report = _wanted(command, Search(photos), force)
                draw_all(tasks, drawer, report, at_once=at_once, progress=False)
                _tell(report, Search(), command)
                drew = drew or bool(report.drawn)
                if report.interrupted or (report.stopped_by and not drew):
                    return 0 if report.interrupted else 1
                if report.stopped_by:
                    arrivals.forget(photos)
            time.sleep(PAUSE_S)
    return 0


def _wanted(command: Command, found: Search, force: bool) -> tuple[list[Task], Report]:
    tasks, failures = plan(found.photos, command.options, command.out, command.given.name)
    waiting, report = still_wanted(tasks, force=force)
    report.failed += failures
    return waiting, report


def _at_once(command: Command, photos: int) -> int:
    given = command.given
    return given.at_once or (crew_for(photos) if given.local else AT_ONCE)


def _drawer(command: Command, at_once: int) -> "AbstractContextManager[Drawer]":
    given = command.given
    if given.local:
        return LocalPortraits(given.archive, at_once)
    server = given.server or (GRPC_SERVER if given.grpc else SERVER)
    token = find_token(given.token, given.key_file, server)
    if not given.grpc:
        return PortraitClient(server, token)
    # only here: gRPC is an extra
    from portrait_client.grpc_client import GrpcPortraitClient

    return GrpcPortraitClient(server, token)


def _tell(report: Report, found: Search, command: Command) -> None:
    tell(report, found, command.given.quiet)
    if report.stopped_by:
        say(_told(report.stopped_by, command))


def _told(error: PortraitError, command: Command) -> str:
    nobody = error.type == UNREACHABLE and not command.given.local
    return f"{error.message} {_NOBODY}" if nobody else error.message
