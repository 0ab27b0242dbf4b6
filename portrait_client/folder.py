"""A folder of photos from Python, drawn as the command `portrait` draws it."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from portrait_client.batch import AT_ONCE, Drawer, Report, draw_all, still_wanted
from portrait_client.options import STYLES, Options, Style, in_styles, with_keywords
from portrait_client.plan import NAME, check_name, plan
from portrait_client.search import search

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from portrait_client.options import Keywords


def draw_folder(
    folder: str | PathLike[str],
    drawer: Drawer,
    out: str | PathLike[str] | None = None,
    *,
    styles: Sequence[Style] = (),
    name: str = NAME,
    force: bool = False,
    at_once: int = AT_ONCE,
    progress: bool | None = None,
    **given: "Unpack[Keywords]",
) -> Report:
    """Draw every photo of a folder (or what a glob names) in each of `styles`, or in the one that is given by name.

    `drawer` is a client or `LocalPortraits`. Pictures are saved below `out`, or beside their photos; `name`, `force`
    and what becomes of pictures that are there are as for the command. `progress` shows a bar; None: on a terminal.
    What fails is in the report and not raised; `ValueError` is raised for a `name` that would not do.
    """
    several = styles or (given.get("style", STYLES[0]),)
    options = in_styles(with_keywords(Options(), given), several)
    found = search([str(folder)])
    target = None if out is None else Path(out)
    tasks, failures = plan(found.photos, options, target, check_name(name, len(options)))
    waiting, report = still_wanted(tasks, force=force)
    draw_all(waiting, drawer, report, at_once=at_once, progress=progress)
    report.failed += [*found.failures, *failures]
    return report
