"""Workers x threads that fill this machine's cores, and the throughput of the network alone by each."""

from typing import Any

from scripts.bench.inputs import Inputs
from scripts.bench.race import photos_per_second
from scripts.serving.machine import Arrangement, usable_cores

_PHOTOS = 12


def arrangements() -> list[Arrangement]:
    """From one worker with all cores to a worker for each core."""
    cores = usable_cores()
    return [Arrangement(n, cores // n) for n in range(1, cores + 1) if cores % n == 0]


def measure_arrangements(engine: str, inputs: Inputs) -> list[dict[str, Any]]:
    """Return a row for each arrangement of processes of this engine."""
    rates = {a: photos_per_second(engine, inputs, a.workers, a.threads, _PHOTOS) for a in arrangements()}
    return [{"workers": a.workers, "threads": a.threads, "photos_per_second": r} for a, r in rates.items()]
