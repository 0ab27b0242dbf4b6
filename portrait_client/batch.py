"""Many photos, several at once, with an account of what became of each."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from portrait_client.errors import UNREACHABLE, PortraitError, RefusedError, UnavailableError
from portrait_client.mark import Mark, choices, mark_of, marked, read_mark
from portrait_client.options import Options
from portrait_client.picture import Picture
from portrait_client.plan import Task, Wanted
from portrait_client.search import Failure
from portrait_client.writing import why_unwritable, write_picture

AT_ONCE = 4  # photos under way at a server
_CLOSED = (401, 403, 404)
_NO_PLACE = ("InvalidKeyException", "Moved")
_OPTIONS = {field.name for field in fields(Options)}


class Drawer(Protocol):
    """Whoever draws: a server by REST or gRPC, or this machine."""

    def draw_each(self, photo: bytes, options: Sequence[Options]) -> Iterator[Picture | PortraitError]:
        """Yield a picture of an encoded photo, or why there is none, for each of `options`."""


@dataclass
class Report:
    """What became of the photos."""

    drawn: dict[Path, Mark] = field(default_factory=dict)
    there: dict[Path, Mark | None] = field(default_factory=dict)  # were there before; without a mark: not ours
    others: set[Path] = field(default_factory=set)  # were there, drawn with other options
    failed: list[Failure] = field(default_factory=list)
    closed: list[Failure] = field(default_factory=list)  # folders that cannot be written to
    untried: int = 0
    stopped_by: PortraitError | None = None  # the rest was left untried, as it would fail alike
    interrupted: bool = False


Outcome = Mark | PortraitError | OSError | None  # None: not tried
Pending = Future[list[Outcome]]


def still_wanted(tasks: Sequence[Task], *, force: bool = False) -> tuple[list[Task], Report]:
    """Return what is to be drawn, and a report of what is not: pictures that are there, folders without room for any.

    A picture of this client's that was drawn with other options is drawn anew, every other one is left as it is;
    `force` draws all anew.
    """
    report = Report()
    return _writable([_less_what_is_there(task, report, force) for task in tasks], report), report


def draw_all(
    tasks: Sequence[Task], drawer: Drawer, report: Report, *, at_once: int, progress: bool | None = None
) -> None:
    """Draw and write each task's pictures, so many photos at once, and report what becomes of them.

    `progress` shows a bar; None: on a terminal only, for several photos. Stops early where the rest would fail as
    well: the server away, the token refused; a refused option is not asked for again. Ctrl-C stops it, too; what is
    under way is finished then.
    """
    crew = _Crew(drawer)
    hidden = (None if len(tasks) > 1 else True) if progress is None else not progress
    with ThreadPoolExecutor(at_once) as pool, tqdm(total=len(tasks), unit="photo", disable=hidden) as bar:
        futures = {pool.submit(crew.draw, task): task for task in tasks}
        try:
            report.stopped_by = crew.watch(futures, bar)
        except KeyboardInterrupt:
            report.interrupted = True
        finally:
            pool.shutdown(cancel_futures=True)
    for future, task in futures.items():
        _account(report, task, [None] * len(task.wanted) if future.cancelled() else future.result())


def _less_what_is_there(task: Task, report: Report, force: bool) -> Task:
    """Return the task with those of its pictures that are to be drawn."""
    wanted = []
    for one in task.wanted:
        mark, is_there = read_mark(one.path), one.path.exists()
        other = mark is not None and mark.options != choices(one.options)
        if force or other or not is_there:
            report.others |= {one.path} if other and not force else set()
            wanted.append(replace(one, overwrites=is_there))
        else:
            report.there[one.path] = mark
    return Task(task.photo, tuple(wanted))


def _writable(tasks: Sequence[Task], report: Report) -> list[Task]:
    """Return the tasks that want pictures and can write them, and tell of folders where none can be written."""
    folders = sorted({one.path.parent for task in tasks for one in task.wanted})
    closed = {folder: why for folder in folders if (why := why_unwritable(folder))}
    report.closed = [Failure(str(folder), f"cannot be written to ({why})") for folder, why in closed.items()]
    open_tasks = []
    for task in tasks:
        wanted = tuple(one for one in task.wanted if one.path.parent not in closed)
        report.untried += len(task.wanted) - len(wanted)
        if wanted:
            open_tasks.append(Task(task.photo, wanted))
    return open_tasks


class _Crew:
    """Draws tasks, several at once, and knows which options were refused."""

    def __init__(self, drawer: Drawer) -> None:
        self._drawer = drawer
        self._refused: set[Options] = set()

    def draw(self, task: Task) -> list[Outcome]:
        wanted = [one for one in task.wanted if one.options not in self._refused]
        done = dict(zip(wanted, self._draw(task.photo, wanted), strict=True)) if wanted else {}
        return [done.get(one) for one in task.wanted]

    def _draw(self, photo: Path, wanted: Sequence[Wanted]) -> Iterator[Outcome]:
        try:
            data = photo.read_bytes()
        except OSError as error:
            yield from [error] * len(wanted)
            return
        pictures = self._drawer.draw_each(data, [one.options for one in wanted])
        for one, picture in zip(wanted, pictures, strict=True):
            yield picture if isinstance(picture, PortraitError) else _written(photo, one, picture)

    def watch(self, futures: Mapping[Pending, Task], bar: "tqdm[None]") -> PortraitError | None:
        """-> why to stop before all are done; None when they are."""
        for future in as_completed(futures):
            bar.update()
            for one, outcome in zip(futures[future].wanted, future.result(), strict=True):
                if isinstance(outcome, PortraitError) and _is_hopeless(outcome):
                    return outcome
                if isinstance(outcome, RefusedError) and _option_of(outcome) in _OPTIONS:
                    self._refused.add(one.options)
        return None


def _written(photo: Path, one: Wanted, picture: Picture) -> Mark | OSError:
    mark = mark_of(picture, photo.name, one.options)
    try:
        write_picture(one.path, marked(picture, mark), one.overwrites)
    except OSError as error:
        return error
    return mark


def _is_hopeless(error: PortraitError) -> bool:
    """Whether the other photos would fail like this one."""
    away = isinstance(error, UnavailableError) and error.type == UNREACHABLE
    refused = isinstance(error, RefusedError) and (error.code in _CLOSED or error.type in _NO_PLACE)
    return away or refused


def _option_of(error: RefusedError) -> str:
    return error.message.partition(":")[0]


def _account(report: Report, task: Task, outcomes: Sequence[Outcome]) -> None:
    stop = report.stopped_by.message if report.stopped_by else None  # said once, not for each photo
    for one, outcome in zip(task.wanted, outcomes, strict=True):
        match outcome:
            case Mark():
                report.drawn[one.path] = outcome
            case PortraitError() if outcome.message != stop:
                report.failed.append(Failure(str(task.photo), outcome.message))
            case OSError():
                report.failed.append(Failure(str(task.photo), f"{outcome.strerror}: {outcome.filename}"))
            case _:
                report.untried += 1
