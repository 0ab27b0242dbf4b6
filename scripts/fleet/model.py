"""Requests on their way through clients, balancer, proxies, queues and workers: a discrete-event model in SimPy.

What is modelled, and where it stands in what is served:

- a balancer in front of all nodes picks the one with the fewest requests under way, and asks another one once more
  after 503 (HAProxy's leastconn and retry-on);
- a node's proxy lets 64 requests in and answers others 503 (limit_conn in deploy/nginx);
- a node's queue has places, and TorchServe answers 503 when they are taken;
- a worker that begins a photo while at most half are at work has others' threads, to its end (handler/cores.py);
- clients try again after 503, as portrait_client/retry.py does.
"""

import random
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import simpy

from scripts.load.times import SHARED, PhotoTimes

BUSY, DRAWN = int(HTTPStatus.SERVICE_UNAVAILABLE), int(HTTPStatus.OK)
RETRY_AFTER = 5.0  # seconds: retry_after in deploy/nginx/nginx.conf
UNDER_WAY = 64  # limit_conn all in deploy/nginx/again.conf
BACK_OFF, LONGEST, JITTER = 0.5, 8.0, 0.5  # seconds: portrait_client/retry.py

NOTHING = 1e-9  # seconds of a worker: less is rounding

Asked = Generator[simpy.Event, Any, int]  # a request under way; it returns a status


@dataclass(frozen=True)
class Fleet:
    """Nodes of one kind, and how they are asked."""

    times: PhotoTimes
    nodes: int = 1
    under_way: float = UNDER_WAY
    second_try: bool = True  # of the balancer, on another node
    retries: int = 0  # of each client


@dataclass
class Outcomes:
    """What became of the requests that were counted."""

    asked: int = 0
    seconds: list[float] = field(default_factory=list)  # of those that were drawn, retries and pauses included
    statuses: list[int] = field(default_factory=list)  # of all, in the order of their ends
    tries: int = 0
    busy_seconds: float = 0.0  # of all workers
    span: float = 0.0

    def refused(self) -> float:
        """Share of the requests that came to nothing."""
        return sum(status != DRAWN for status in self.statuses) / max(1, len(self.statuses))


@dataclass(eq=False)
class _Photo:
    left: float  # seconds of a worker with one thread
    drawn: simpy.Event
    threads: int = 1  # settled when it is begun, as in handler/cores.py


class Node:
    """A node's proxy, queue and workers."""

    def __init__(self, env: simpy.Environment, fleet: Fleet, outcomes: Outcomes) -> None:
        self._env, self._fleet, self._outcomes, self._gain = env, fleet, outcomes, fleet.times.gain
        self._waiting: deque[_Photo] = deque()
        self._at_work: list[_Photo] = []
        self._since = 0.0
        self._plans = 0  # how often the next end was reckoned; older ones are void

    def ask(self, work: float) -> Asked:
        """Have a photo drawn that is `work` seconds of a worker; return the answer's status."""
        times = self._fleet.times
        if len(self._at_work) + len(self._waiting) >= self._fleet.under_way:
            return BUSY
        if len(self._at_work) == times.workers and len(self._waiting) >= times.places:
            return BUSY
        photo = _Photo(work, self._env.event())
        self._advance()
        self._waiting.append(photo)
        self._plan()
        yield photo.drawn
        return DRAWN

    def _speeds(self) -> list[float]:
        """Return how fast each photo goes now: with more threads by the gain, and slower where they outnumber cores."""
        crowd = min(1.0, self._fleet.times.workers / sum(photo.threads for photo in self._at_work))
        return [crowd * (self._gain if photo.threads > 1 else 1.0) for photo in self._at_work]

    def _advance(self) -> None:
        """Take off what was drawn since the last event."""
        if self._at_work:
            passed = self._env.now - self._since
            self._outcomes.busy_seconds += passed * len(self._at_work)
            for photo, speed in zip(self._at_work, self._speeds(), strict=True):
                photo.left -= passed * speed
        self._since = self._env.now

    def _plan(self) -> None:
        """Fill the workers and reckon when the next photo is done."""
        workers = self._fleet.times.workers
        while self._waiting and len(self._at_work) < workers:
            self._at_work.append(self._waiting.popleft())
            shares = self._gain > 1 and SHARED * len(self._at_work) <= workers
            self._at_work[-1].threads = SHARED if shares else 1
        self._plans += 1
        if self._at_work:
            soonest = min(photo.left / speed for photo, speed in zip(self._at_work, self._speeds(), strict=True))
            timer = self._env.timeout(max(0.0, soonest), self._plans)
            timer.callbacks.append(self._end)

    def _end(self, timer: simpy.Event) -> None:
        if timer.value != self._plans:
            return
        self._advance()
        for photo in [photo for photo in self._at_work if photo.left < NOTHING]:
            self._at_work.remove(photo)
            photo.drawn.succeed()
        self._plan()


class Balancer:
    """Asks the node that has the fewest requests under way; of several, the one that was asked longest ago."""

    def __init__(self, nodes: Sequence[Node], second_try: bool) -> None:
        self._second_try = second_try and len(nodes) > 1
        self._levels: dict[int, dict[Node, None]] = {0: dict.fromkeys(nodes)}
        self._under_way = dict.fromkeys(nodes, 0)

    def ask(self, work: float) -> Asked:
        """Return the status of the answer, the second one where the first was 503."""
        node = self._least()
        status = yield from self._ask(node, work)
        if status == BUSY and self._second_try:
            status = yield from self._ask(self._least(but=node), work)
        return status

    def _ask(self, node: Node, work: float) -> Asked:
        self._move(node, 1)
        status = yield from node.ask(work)
        self._move(node, -1)
        return status

    def _least(self, but: Node | None = None) -> Node:
        return next(node for level in sorted(self._levels) for node in self._levels[level] if node is not but)

    def _move(self, node: Node, step: int) -> None:
        level = self._under_way[node]
        del self._levels[level][node]
        if not self._levels[level]:
            del self._levels[level]
        self._under_way[node] = level + step
        self._levels.setdefault(level + step, {})[node] = None


def poisson(rate: float, seconds: float, seed: int, burst: float = 1.0, every: float = 30.0) -> Iterator[float]:
    """Yield times of requests, `rate` a second on average.

    For a sixth of each `every` seconds they come `burst` times as fast as otherwise.
    """
    random_, now, share = random.Random(seed), 0.0, 1 / 6
    calm = rate / (1 + share * (burst - 1))
    while True:
        within = now % every
        bursting = within < share * every
        gap = random_.expovariate(calm * (burst if bursting else 1))
        change = (share * every if bursting else every) - within
        now += min(gap, change)  # without memory, a gap may be drawn anew where the rate changes
        if now >= seconds:
            return
        if gap < change:
            yield now


def simulate(
    fleet: Fleet, arrivals: Iterable[float], seed: int = 0, warm_up: float = 0.0,
    work: Callable[[random.Random], float] | None = None,
) -> Outcomes:  # fmt: skip
    """Let requests come at `arrivals` and run until all are answered; those before `warm_up` are not counted.

    `work` draws a photo's seconds of a worker; None: one of the measured. The same seed gives the same outcomes.
    """
    env, outcomes, random_ = simpy.Environment(), Outcomes(), random.Random(seed)
    balancer = Balancer([Node(env, fleet, outcomes) for _ in range(fleet.nodes)], fleet.second_try)
    works = fleet.times.work
    drawn = work or (lambda chance: chance.choice(works))
    client = _Clients(env, fleet, balancer, outcomes, random_, fleet.times.outside)

    def source() -> Generator[simpy.Event, Any, None]:
        for at in arrivals:
            yield env.timeout(at - env.now)
            env.process(client.ask(drawn(random_), at >= warm_up))

    env.process(source())
    env.run()
    outcomes.span = env.now
    return outcomes


@dataclass
class _Clients:
    env: simpy.Environment
    fleet: Fleet
    balancer: Balancer
    outcomes: Outcomes
    random: random.Random
    outside: float  # seconds of each photo that is drawn

    def ask(self, work: float, counted: bool) -> Generator[simpy.Event, Any, None]:
        """Send a photo, again where that may help, and take note of its end."""
        began, status = self.env.now, BUSY
        self.outcomes.asked += counted
        for tried in range(self.fleet.retries + 1):
            status = yield from self.balancer.ask(work)
            self.outcomes.tries += counted
            if status == DRAWN or tried == self.fleet.retries:
                break
            yield self.env.timeout(self._pause(tried))
        if counted:
            self.outcomes.statuses.append(status)
            if status == DRAWN:
                self.outcomes.seconds.append(self.env.now - began + self.outside)

    def _pause(self, tried: int) -> float:
        own: float = BACK_OFF * 2**tried + self.random.uniform(0, JITTER)
        return max(min(LONGEST, own), RETRY_AFTER)
