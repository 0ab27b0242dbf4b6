"""How many nodes a load takes, what they cost, and which part besides them is the first to be too small."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from scripts.fleet.model import Fleet, Outcomes, poisson, simulate
from scripts.load.report import percentile
from scripts.load.times import PhotoTimes

PRICES = Path(__file__).with_name("prices.yaml")
MOST_REFUSED = 0.001  # of the requests, with no retry by the client
LEAST_SECONDS, MOST_REQUESTS = 30.0, 6_000  # of a simulation: a burst at least, and then as much as is quick
WARM_UP = 5.0  # seconds until queues have their usual length: a photo takes less than one


class Load(NamedTuple):
    """What is asked for, and how well."""

    rate: float  # photos a second, on average
    p95: float  # seconds
    burst: float = 1.0  # for 5 s of each 30: times the rate of the other 25


@dataclass(frozen=True)
class Instance:
    """A kind of node that can be rented, as the reader fills it in."""

    name: str
    cores: int
    speed: float  # of a core, times that of the machine that was measured
    price: float  # for an hour

    def cost(self, nodes: int, rate: float) -> float:
        """Return what a million photos cost."""
        return self.price * nodes / 3600 / rate * 1e6


@dataclass(frozen=True)
class Sized:
    """The smallest fleet that will do."""

    fleet: Fleet
    outcomes: Outcomes
    spare: int  # nodes beyond it, for those that are away

    @property
    def nodes(self) -> int:
        """Return all that are to be rented."""
        return self.fleet.nodes + self.spare


def run(fleet: Fleet, load: Load, seed: int = 0) -> Outcomes:
    """Simulate a load for a time that is enough to tell its 95th percentile."""
    seconds = max(LEAST_SECONDS, min(1_800.0, MOST_REQUESTS / load.rate)) + WARM_UP
    return simulate(fleet, poisson(load.rate, seconds, seed, load.burst), seed, WARM_UP)


def does(outcomes: Outcomes, load: Load) -> bool:
    """Whether a load is drawn as it was asked for."""
    return outcomes.refused() <= MOST_REFUSED and percentile(outcomes.seconds, 95) <= load.p95


def size(times: PhotoTimes, load: Load, spare: int = 1) -> Sized:
    """Return the smallest fleet for a load. Raises `ValueError` where no number of nodes is quick enough."""
    least = max(1, int(load.rate / times.capacity))  # fewer fall behind for ever
    if not does(run(Fleet(times, 1), Load(min(load.rate, times.capacity / 100), load.p95)), load):
        raise ValueError(f"--p95: a photo that has a node to itself takes longer than {load.p95:g} s on such a node")
    tried: dict[int, Outcomes] = {}

    def fits(nodes: int) -> bool:
        tried[nodes] = run(Fleet(times, nodes), load)
        return does(tried[nodes], load)

    nodes = _smallest(fits, least)
    return Sized(Fleet(times, nodes), tried[nodes], spare)


def _smallest(fits: Callable[[int], bool], least: int) -> int:
    """Return the smallest number from `least` on that fits, to 2 %; what is larger fits too."""
    low, high = least - 1, least
    while not fits(high):
        low, high = high, high + max(1, high // 4)
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


class Limit(NamedTuple):
    """Something that all photos pass, beside the nodes."""

    name: str
    used: float  # share of what it can, at this load; from 1 on it breaks
    change: str


REMEDIES = {
    "a client's 20 photos/s at a node's proxy": (
        "raise limit_req in deploy/nginx for that client's key, or give it several"
    ),
    "the balancer's network": (
        "several balancers behind one name, or let clients send smaller photos: nodes see 640 pixels at most"
    ),
    "the balancer's TLS handshakes": "clients that keep connections open; more cores for the balancer",
    "the balancer's open connections": "raise maxconn, and the limit of open files with it",
    "one Prometheus' targets": "a Prometheus for each zone, and sums of theirs",
}


def limits(load: Load, nodes: int, seconds: float, table: dict[str, float]) -> list[Limit]:
    """Return what else has a limit, the one that breaks first at the top; there are `nodes`, a photo takes `seconds`.

    `table` is that of prices.yaml, which says what each number is.
    """
    peak = load.rate * load.burst / (1 + (load.burst - 1) / 6)
    bits = peak * (table["photo_bytes"] + table["picture_bytes"]) * 8
    used = (  # in the order of REMEDIES
        peak * table["largest_client"] / (table["key_rate"] * nodes),
        bits / (table["balancer_gbit"] * 1e9),
        peak * table["new_connections"] / table["handshakes"],
        peak * seconds / table["connections"],
        nodes / table["targets"],
    )
    found = [Limit(name, share, remedy) for (name, remedy), share in zip(REMEDIES.items(), used, strict=True)]
    return sorted(found, key=lambda limit: -limit.used)


def read_prices(path: Path) -> tuple[list[Instance], dict[str, float]]:
    """Return instances and limits as the reader filled them in. Raises `ValueError` for what is missing."""
    try:
        table = yaml.safe_load(path.read_text())
        return [Instance(**entry) for entry in table["instances"]], table["limits"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def against(times: PhotoTimes, nodes: int, arrivals: list[float], seeds: int = 20) -> list[float]:
    """Return the seconds of all photos of a load test's arrivals, sent through the model `seeds` times."""
    fleet = Fleet(times, nodes, second_try=nodes > 1)
    runs = (simulate(fleet, arrivals, seed) for seed in range(seeds))
    return [seconds for run in runs for seconds in run.seconds]
