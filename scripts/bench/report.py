"""Results -> a table for people, and JSON for programs."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from scripts.bench.machine import Machine
from scripts.bench.race import Result
from scripts.bench.service import AT_ONCE, IN_PROCESS, Served, Service
from scripts.bench.spec import BASELINE

HEADINGS = ("engine", "threads", "median ms", "spread ms", "x eager", "photos / core-hour", "PSNR", "SSIM", "MB")


def machine_list(machine: Machine) -> str:
    """Markdown: what the figures were measured on."""
    limits = " ".join(f"{name}={value}" for name, value in machine.held_down.items())
    lines = {
        "CPU": f"{machine.cpu}, {machine.cores} cores to use",
        "GPU": machine.gpu or "none",
        "instruction sets": ", ".join(machine.instruction_sets) or "none of those that matter here",
        "held down to": limits or "nothing: all of these are used",
        "the archive is served in": f"{', '.join(machine.precisions)}; the last is taken",
        "versions": ", ".join(f"{name} {version}" for name, version in machine.versions.items()),
    }
    return "\n".join(f"- {what}: {said}" for what, said in lines.items())


def left_out(missing: Mapping[str, Sequence[str]]) -> str:
    """One line that names engines that are missing, by their reason."""
    return "Left out, " + "; ".join(f"as {reason}: {', '.join(names)}" for reason, names in missing.items()) + "."


def rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row for each result; the spread is that of the middle half of the times."""
    eager = {r.threads: statistics.median(r.seconds) for r in results if r.engine == BASELINE}
    return [
        {
            "engine": r.engine,
            "threads": r.threads,
            "median_ms": 1000 * statistics.median(r.seconds),
            "spread_ms": 1000 * spread(r.seconds),
            "x_eager": eager[r.threads] / statistics.median(r.seconds),
            "photos_per_core_hour": 3600 / statistics.median(r.seconds) / r.threads,
            "psnr_db": r.fidelity.psnr,
            "ssim": r.fidelity.ssim,
            "memory_mb": r.memory_mb,
        }
        for r in results
    ]


def spread(seconds: Sequence[float]) -> float:
    """Distance between the first and the third quartile; 0 for a single time."""
    if len(seconds) < 2:
        return 0.0
    low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return high - low


def table(found: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    return _markdown(HEADINGS, map(_cells, found))


def arrangements_table(found: Sequence[dict[str, Any]]) -> str:
    """Markdown: photos per second by workers x threads."""
    cells = ((str(row["workers"]), str(row["threads"]), f"{row['photos_per_second']:.2f}") for row in found)
    return _markdown(("workers", "threads each", "photos / s"), cells)


def overhead_table(found: Sequence[dict[str, Any]]) -> str:
    """Markdown: milliseconds of the steps around the network."""
    steps = ("decode_and_frame_ms", "enlarge_ms", "encode_ms")
    cells = ((f"{row['megapixels']:g}", *(f"{row[step]:.0f}" for step in steps)) for row in found)
    return _markdown(("megapixels", "decode and frame ms", "enlarge the drawing ms", "encode ms"), cells)


def operators_table(found: Sequence[dict[str, Any]]) -> str:
    """Markdown: milliseconds and percent of each kind of operator, a pair of columns for each engine."""
    headings = [text for row in found for text in (f"{row['engine']} ms", "%")]
    columns = [row["milliseconds"] for row in found]
    cells = [(group, *(c for column in columns for c in _shares(column, group))) for group in columns[0]]
    totals = [text for column in columns for text in (f"{sum(column.values()):.1f}", "100")]
    return _markdown(("of one photo in the network", *headings), [*cells, ("all", *totals)])


def _shares(column: Mapping[str, float], group: str) -> tuple[str, str]:
    total = sum(column.values())
    return f"{column[group]:.1f}", f"{100 * column[group] / total:.0f}"


def served_table(service: Service) -> str:
    """Markdown: a row for each way, then what follows from them."""
    headings = ("way", "workers", "threads", "at once", "p50 ms", "p95 ms", "p99 ms", "photos / s", "worker MB")
    return "\n".join([_markdown(headings, map(_way, service.inside + service.ways)), "", *_conclusions(service)])


def _way(row: Served) -> tuple[str, ...]:
    threads = f"{row.arrangement.threads} {'each' if row.way == IN_PROCESS else 'shared'}"
    times = (f"{value:.0f}" for value in (row.p50_ms, row.p95_ms, row.p99_ms))
    figures = (*times, f"{row.photos_per_second:.2f}", f"{row.worker_mb:.0f}")
    return row.way, str(row.arrangement.workers), threads, str(row.at_once), *figures


def _conclusions(service: Service) -> Iterator[str]:
    soonest, best = service.inside[0].p50_ms, max(row.photos_per_second for row in service.inside)
    yield f"TorchServe is ready {service.ready_seconds:.1f} s after its start."
    for row in service.ways:
        if row.at_once == 1:
            yield f"{row.way} adds {row.p50_ms - soonest:.0f} ms to a single photo."
        if row.at_once == AT_ONCE:
            yield f"{row.way} at {AT_ONCE} at once: {row.photos_per_second / best:.2f} of the best in-process."
    first, *later = service.ways
    grown = later[-1].worker_mb / first.worker_mb - 1
    yield f"A worker grows by {grown:.1%} over the last {sum(row.requests for row in later)} photos."


def _markdown(headings: Sequence[str], rows_of_cells: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows_of_cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    same = row["engine"] == BASELINE
    return (
        row["engine"],
        str(row["threads"]),
        f"{row['median_ms']:.0f}",
        f"{row['spread_ms']:.0f}",
        f"{row['x_eager']:.2f}",
        f"{row['photos_per_core_hour']:.0f}",
        "" if same else f"{row['psnr_db']:.1f}",
        "" if same else f"{row['ssim']:.4f}",
        f"{row['memory_mb']:.0f}",
    )
