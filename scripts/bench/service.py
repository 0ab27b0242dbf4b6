"""What a served run comes to; `scripts.bench.served` measures it."""

from dataclasses import dataclass

from scripts.serving.machine import Arrangement

AT_ONCE = 4
IN_PROCESS = "in-process"


class ServedError(Exception):
    """A server that could not be measured."""


@dataclass(frozen=True)
class Served:
    """Requests for one photo, one way."""

    way: str
    arrangement: Arrangement
    at_once: int
    requests: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    photos_per_second: float
    worker_mb: float  # resident, of one worker, afterwards


@dataclass(frozen=True)
class Service:
    """One server, and the same work without it."""

    ready_seconds: float  # from TorchServe's start until its workers take photos
    inside: tuple[Served, ...]  # processes that divide the cores for good, from one with all to one for each
    ways: tuple[Served, ...]  # through TorchServe, whose workers share them
