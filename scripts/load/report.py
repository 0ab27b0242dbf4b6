"""What a run comes to, and whether that is what was promised."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from scripts.load.loops import REFUSED, Outcome
from scripts.load.processes import Held
from scripts.load.times import Measured

GOODPUT, REFUSAL_SECONDS, RECOVERY_SECONDS, GROWTH = 0.9, 0.2, 10.0, 0.05  # what issue and operators were promised


@dataclass(frozen=True)
class Run:
    """One run."""

    capacity: float  # photos a second that the server draws when several are always under way
    alone_seconds: float  # of a photo that is alone
    offered: float  # requests a second
    seconds: float
    outcomes: Sequence[Outcome]
    recovery_seconds: float  # from the last request until a photo took as long as one alone again
    before: Held | None
    after: Held | None


def percentile(seconds: Sequence[float], percent: int) -> float:
    """Return a percentile; NaN of nothing."""
    if len(seconds) < 2:
        return seconds[0] if seconds else float("nan")
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


def drawn_after(outcomes: Sequence[Outcome]) -> list[float]:
    """Return the seconds of good photos that were drawn."""
    return [outcome.seconds for outcome in outcomes if (outcome.kind, outcome.status) == ("good", HTTPStatus.OK)]


def pace(outcomes: Sequence[Outcome], seconds: float) -> float:
    """Return how many good photos were drawn a second, of requests that were sent for `seconds`.

    Those that were let in at the end are drawn after it, which takes its time.
    """
    ends = [outcome.began + outcome.seconds for outcome in outcomes]
    span = max(ends) - min(outcome.began for outcome in outcomes) if outcomes else 0
    return len(drawn_after(outcomes)) / max(seconds, span)


def measured(run: Run) -> Measured:
    """Return when the requests came and what became of them."""
    sent = sorted(run.outcomes, key=lambda outcome: outcome.began)
    arrivals = [outcome.began - sent[0].began for outcome in sent]
    return Measured(arrivals, [outcome.status for outcome in sent], [outcome.seconds for outcome in sent])


def refusals(run: Run) -> list[float]:
    """Return the seconds after which requests were told to come again."""
    return [outcome.seconds for outcome in run.outcomes if outcome.status in REFUSED]


def text(run: Run) -> str:
    """Return the figures, a line for each."""
    drawn, refused = drawn_after(run.outcomes), refusals(run)
    statuses = Counter((outcome.kind, outcome.status) for outcome in run.outcomes)
    lines = [
        f"capacity         {run.capacity:.2f} photos/s; one alone takes {run.alone_seconds:.2f} s",
        f"offered          {run.offered:.2f} requests/s for {run.seconds:.0f} s, {len(run.outcomes)} in all",
        f"goodput          {pace(run.outcomes, run.seconds):.2f} photos/s",
        f"drawn after      {_percentiles(drawn)}",
        f"refused          {len(refused)}, after {_percentiles(refused)}",
        f"full speed after {run.recovery_seconds:.1f} s",
        "answers          " + ", ".join(f"{kind} {status}: {n}" for (kind, status), n in sorted(statuses.items())),
    ]
    if run.before and run.after:
        lines.append(
            f"held             {run.before.megabytes:.0f} MB before, {run.after.megabytes:.0f} after "
            f"({run.after.megabytes / run.before.megabytes - 1:+.1%}); open files {run.before.open_files}, "
            f"{run.after.open_files}; processes {_processes(run.before, run.after)}"
        )
    return "\n".join(lines)


def _percentiles(seconds: Sequence[float]) -> str:
    return ", ".join(f"p{percent} {percentile(seconds, percent):.2f} s" for percent in (50, 95, 99))


def _processes(before: Held, after: Held) -> str:
    same = "the same" if before.pids == after.pids else f"{len(after.pids - before.pids)} new"
    return f"{same} ({', '.join(map(str, sorted(after.pids)))})"


def broken_promises(run: Run, max_wait: float) -> list[str]:
    """Return what was promised and not kept: at an overload quick answers, at less no growth either."""
    drawn, refused = drawn_after(run.outcomes), refusals(run)
    longest = max_wait + 2 * run.alone_seconds
    kept = {
        f"p99 of what is drawn within {longest:.1f} s": not drawn or percentile(drawn, 99) <= longest,
        f"p99 of refusals within {REFUSAL_SECONDS} s": not refused or percentile(refused, 99) <= REFUSAL_SECONDS,
        f"full speed within {RECOVERY_SECONDS:.0f} s": run.recovery_seconds <= RECOVERY_SECONDS,
    }
    good = sum(outcome.kind == "good" for outcome in run.outcomes) / run.seconds
    least = GOODPUT * min(run.capacity, good)
    kept[f"goodput at least {least:.2f} photos/s"] = pace(run.outcomes, run.seconds) >= least
    if run.before and run.after:
        kept["the same processes"] = run.before.pids == run.after.pids
        if run.offered < run.capacity:
            kept[f"memory grows by less than {GROWTH:.0%}"] = _growth(run.before.megabytes, run.after.megabytes)
            kept["no more open files"] = _growth(run.before.open_files, run.after.open_files)
    return [promise for promise, is_kept in kept.items() if not is_kept]


def _growth(before: float, after: float) -> bool:
    return after <= before * (1 + GROWTH)
