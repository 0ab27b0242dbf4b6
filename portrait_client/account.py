"""What the command says: paths of new pictures on standard output, the account on standard error."""

import os
import sys
from collections import Counter
from pathlib import Path

from portrait_client.batch import Report
from portrait_client.search import Search


def tell(report: Report, found: Search, quiet: bool) -> None:
    """Say what became of what was found; `quiet` says what went wrong alone."""
    if not quiet:
        for path in report.drawn:
            put_path(path)
    for failure in [*found.failures, *report.closed, *report.failed]:
        say(f"{failure.name}: {failure.reason}")
    told = _counts(report, found)
    if not quiet and told != "1 drawn":
        say(f"{told or 'Nothing to draw'}.")
    if not quiet:
        _tell_of_weights(report)


def say(text: str) -> None:
    """Print a line on standard error, with escapes for what no terminal can show or should obey."""
    print(_printable(text, sys.stderr.encoding), file=sys.stderr)


def put_path(path: Path) -> None:
    """Print a path as the file system has it, which another program can open; on a terminal as `say` does."""
    if sys.stdout.isatty():
        print(_printable(str(path), sys.stdout.encoding))
    else:
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")
        sys.stdout.flush()


def _printable(text: str, encoding: str | None) -> str:
    line = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return line.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")


def _counts(report: Report, found: Search) -> str:
    untried = "interrupted; the same command goes on" if report.interrupted else "they would fail alike"
    others = [mark for mark in report.there.values() if mark is None]
    renewed = len(report.others & report.drawn.keys())
    anew = f" ({renewed} of them anew, with other options)" if renewed else ""
    results = {*report.drawn, *report.there}
    portraits = sum(path not in results for path in found.portraits)
    counts = {
        f"drawn{anew}": len(report.drawn),
        "there already (--force draws anew)": len(report.there) - len(others),
        "there already, not by this command (--force overwrites)": len(others),
        "failed": len(found.failures) + len(report.failed),
        f"not tried ({untried})": report.untried,
        f"skipped: {_suffixes(found.skipped)}": found.skipped.total(),
        "left out, being portraits": portraits,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _suffixes(skipped: Counter[str]) -> str:
    if len(skipped) == 1:
        return next(iter(skipped))
    return " ".join(f"{suffix} ({count})" for suffix, count in skipped.most_common())


def _tell_of_weights(report: Report) -> None:
    """Name the pictures that other weights drew than those that draw now."""
    now = {mark.weights for mark in report.drawn.values() if mark.weights}
    for path, mark in report.there.items():
        if mark and mark.weights and now and mark.weights not in now:
            say(f"{path}: drawn by {mark.weights}, not {', '.join(now)}; --force draws it anew")
