"""docs/capacity.md and its plots, from the model: nothing in them is written by hand but the words around."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl

from model.files import write_whole
from scripts.fleet.model import Fleet, poisson, simulate
from scripts.fleet.plan import WARM_UP, Instance, Limit, Load, Sized, limits, run, size
from scripts.load.report import percentile
from scripts.load.times import PhotoTimes
from scripts.serving.paths import ROOT

mpl.use("svg")
from matplotlib import pyplot as plt

PAGE = ROOT / "docs" / "capacity.md"
DECADES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)  # photos a second
P95, BURST = 3.0, 2.0
LOADS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)  # shares of what nodes draw at most
FLEETS = (1, 2, 10)
_GENERATED, _END = "<!-- made by python -m scripts.capacity --page -->", "<!-- end -->"


class Decade(NamedTuple):
    """A load ten times the one before, and what it takes."""

    load: Load
    sized: Sized
    instance: Instance
    limits: list[Limit]


def write_page(times: PhotoTimes, instances: Sequence[Instance], table: dict[str, float]) -> None:
    """Write the tables into docs/capacity.md, and the plots beside it."""
    instance = max(instances, key=lambda one: one.cores)
    on_it = times.on(instance.cores, instance.speed)
    _plot_waits(on_it, PAGE.with_name("capacity-waits.svg"))
    _plot_overload(on_it, PAGE.with_name("capacity-overload.svg"))
    decades = [_decade(rate, on_it, instance, table) for rate in DECADES]
    text = PAGE.read_text()
    before, _, rest = text.partition(_GENERATED)
    write_whole(PAGE, f"{before}{_GENERATED}\n{_tables(decades, on_it)}\n{_END}{rest.partition(_END)[2]}")


def _decade(rate: float, times: PhotoTimes, instance: Instance, table: dict[str, float]) -> Decade:
    load = Load(rate, P95, BURST)
    sized = size(times, load)
    seconds = percentile(sized.outcomes.seconds, 50)
    return Decade(load, sized, instance, limits(load, sized.nodes, seconds, table))


def _tables(decades: Sequence[Decade], times: PhotoTimes) -> str:
    first = decades[0].instance
    lines = [
        f"A node here has {first.cores} cores, draws {times.capacity:.1f} photos a second at most and costs "
        f"{first.price:.2f} an hour in `prices.yaml`.",
        "",
        "| photos/s | nodes | p50 s | p95 s | refused | cost of a million | breaks first | then |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for load, sized, instance, found in decades:
        p50, p95 = (percentile(sized.outcomes.seconds, percent) for percent in (50, 95))
        names = [f"{limit.name}: {limit.used:.0%} used" for limit in found[:2]]
        lines.append(
            f"| {load.rate:,.0f} | {sized.nodes} | {p50:.2f} | {p95:.2f} | {sized.outcomes.refused():.2%} "
            f"| {instance.cost(sized.nodes, load.rate):.2f} | {names[0]} | {names[1]} |"
        )
    changes = {limit.name: limit.change for decade in decades for limit in decade.limits}
    return "\n".join([*lines, "", "| what breaks | what to change |", "|---|---|"] + [
        f"| {name} | {change} |" for name, change in changes.items()
    ])  # fmt: skip


def _plot_waits(times: PhotoTimes, path: Path) -> None:
    """Plot the 95th percentile over the load, for fleets of several sizes."""
    figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
    for nodes in FLEETS:
        fleet = Fleet(times, nodes)
        marks = [percentile(run(fleet, Load(at * nodes * times.capacity, P95)).seconds, 95) for at in LOADS]
        axes.plot([100 * at for at in LOADS], marks, marker="o", markersize=3, label=f"{nodes} node{'s' * (nodes > 1)}")
    axes.set(xlabel="load, % of what the nodes draw at most", ylabel="p95, seconds", ylim=(0, None))
    axes.legend(frameon=False)
    _save(figure, path)


def _plot_overload(times: PhotoTimes, path: Path) -> None:
    """Plot what comes to nothing when four nodes get more than they draw, by how often clients try again."""
    figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
    offered = (0.8, 1.0, 1.2, 1.5, 2.0)
    for retries in (0, 1, 4):
        fleet, nodes = Fleet(times, 4, retries=retries), 4
        shares = [
            simulate(fleet, poisson(at * nodes * times.capacity, 45.0, 0), 0, WARM_UP).refused() for at in offered
        ]
        axes.plot([100 * at for at in offered], [100 * share for share in shares], marker="o", markersize=3,
                  label=f"{retries} retries")  # fmt: skip
    axes.set(xlabel="offered, % of what the nodes draw at most", ylabel="refused in the end, %", ylim=(0, None))
    axes.legend(frameon=False)
    _save(figure, path)


def _save(figure: "mpl.figure.Figure", path: Path) -> None:
    mpl.rcParams["svg.hashsalt"] = "portrait"  # the same plot gives the same file
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
