"""Many photos, several at once, with an account of what became of each."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from portrait_client.errors import UNREACHABLE, PortraitError, RefusedError, UnavailableError
from portrait_client.files import Failure, Task, write_picture
from portrait_client.options import Options
from portrait_client.picture import Picture

Drawing = Future[None]

INTERRUPTED = "interrupted"
_CLOSED = (401, 403, 404)
_OPTIONS = {field.name for field in fields(Options)}


class Drawer(Protocol):
    """Whoever draws: a server by REST or gRPC, or this machine."""

    def draw(self, photo: bytes, options: Options = ...) -> Picture:
        """Draw the portrait of an encoded photo; raises `PortraitError`."""


@dataclass
class Report:
    """What became of the photos."""

    drawn: list[Path] = field(default_factory=list)
    there: list[Path] = field(default_factory=list)  # portraits that were there before
    failed: list[Failure] = field(default_factory=list)
    untried: int = 0
    stopped_by: str = ""  # why the rest was left untried


def draw_all(tasks: Sequence[Task], drawer: Drawer, options: Options, *, at_once: int, force: bool) -> Report:
    """Draw and write each task's picture, unless it is there; `force` draws it anew.

    Stops early where the rest would fail as well: the server away, the token or an option refused.
    Ctrl-C stops it, too; what is under way is finished then.
    """
    report = Report(there=[] if force else [task.picture for task in tasks if task.picture.exists()])
    waiting = [task for task in tasks if task.picture not in report.there]
    hidden = None if len(waiting) > 1 else True  # None: on a terminal only
    with ThreadPoolExecutor(at_once) as pool, tqdm(total=len(waiting), unit="photo", disable=hidden) as bar:
        futures = {pool.submit(_draw, task, drawer, options, force): task for task in waiting}
        try:
            report.stopped_by = _watch(futures, bar)
        except KeyboardInterrupt:
            report.stopped_by = INTERRUPTED
        finally:
            pool.shutdown(cancel_futures=True)
    for future, task in futures.items():
        _account(report, future, task)
    return report


def _draw(task: Task, drawer: Drawer, options: Options, force: bool) -> None:
    write_picture(task.picture, drawer.draw(task.photo.read_bytes(), options).data, force)


def _watch(futures: Iterable[Drawing], bar: "tqdm[None]") -> str:
    """-> why to stop before all are done; empty when they are."""
    for future in as_completed(futures):
        bar.update()
        if reason := _hopeless(future.exception()):
            return reason
    return ""


def _hopeless(error: BaseException | None) -> str:
    """Why the other photos would fail like this one; empty when they need not."""
    away = isinstance(error, UnavailableError) and error.type == UNREACHABLE
    refused = isinstance(error, RefusedError) and (
        error.code in _CLOSED or error.type == "InvalidKeyException" or _option_of(error) in _OPTIONS
    )
    return str(error) if away or refused else ""


def _option_of(error: RefusedError) -> str:
    return error.message.partition(":")[0]


def _account(report: Report, future: Drawing, task: Task) -> None:
    if future.cancelled():
        report.untried += 1
        return
    match future.exception():
        case None:
            report.drawn.append(task.picture)
        case PortraitError() as error:
            report.failed.append(Failure(str(task.photo), error.message))
        case OSError() as error:
            report.failed.append(Failure(str(task.photo), f"{error.strerror}: {error.filename}"))
        case bug:
            raise bug
