"""Where the time of one photo goes in the exported network: torch's profile of a worker's module, by operator."""

import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.autograd.profiler_util import FunctionEvent

from scripts.bench.inputs import Inputs
from scripts.bench.race import children

CONVOLUTIONS = "convolutions"
ENLARGING = "enlarging maps"
JOINING = "joining and copying"
POOLING = "pooling"
ADDING = "residual sums"
FRAMING = "normalising, stretching"
REST = "side outputs and the rest"
GROUPS = (CONVOLUTIONS, ENLARGING, JOINING, POOLING, ADDING, FRAMING, REST)

_SCOPES = {
    "upsample_like": ENLARGING,
    "_double": ENLARGING,
    "join": JOINING,
    "laid": JOINING,
    "apart": JOINING,
    "together": JOINING,
    "pool": POOLING,
    "add": ADDING,
    "normalised": FRAMING,
    "brightened": FRAMING,
    "drawn": FRAMING,
}
"""Function of a module of `model.network`, which TorchScript keeps by its name ->
what operators inside it are counted as."""

_RUNS = 7


def measure_operators(names: Iterable[str], inputs: Inputs, threads: int) -> list[dict[str, Any]]:
    """Return a row for each of these engines of this project: milliseconds by group, of its middle run."""
    rows = []
    for name in names:
        with children([name], inputs, threads, {False: sys.executable}) as [child]:
            child.ask("time 2")
            rows.append({"engine": name, "threads": threads, "milliseconds": child.ask(f"profile {_RUNS}")})
    return rows


def profile(run: Callable[[], object], count: int) -> dict[str, float]:
    """Milliseconds of each of `GROUPS` in the run whose sum is the median of `count`, an odd number."""
    found = [_profile(run) for _ in range(count)]
    middle = statistics.median_high(sum(groups.values()) for groups in found)
    return next(groups for groups in found if sum(groups.values()) == middle)


def _profile(run: Callable[[], object]) -> dict[str, float]:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        run()
    groups = dict.fromkeys(GROUPS, 0.0)
    for event in profiler.events() or ():
        groups[group_of(_path(event))] += event.self_cpu_time_total / 1000
    return groups


def _path(event: FunctionEvent | None) -> Iterator[str]:
    """Yield the names of an operator and of all that it was called by, outwards."""
    while event is not None:
        yield event.name
        event = event.cpu_parent


def group_of(path: Iterable[str]) -> str:
    """Which of `GROUPS` an operator belongs to, by its name and those of its callers, outwards."""
    names = list(path)
    scopes = [_SCOPES[name] for name in names if name in _SCOPES]
    if ENLARGING in scopes:  # in int8 by convolutions
        return ENLARGING
    if any("::" in name and "conv" in name for name in names):
        return CONVOLUTIONS
    return scopes[0] if scopes else REST
