"""Requests sent in an open loop, at times that no answer delays, and in a closed one, which finds the capacity."""

import asyncio
import random
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import NamedTuple

import httpx2

from scripts.load.traffic import Call

TIMEOUT_SECONDS = 120.0
AGAIN_SECONDS = 0.1
REFUSED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
NO_ANSWER = 0  # as a status: the connection broke, or the client left


class Outcome(NamedTuple):
    """What became of one request."""

    kind: str  # as `Call.kind`
    status: int
    seconds: float  # from its first byte to the answer's last
    began: float = 0.0  # by a clock that never goes back


class Target(NamedTuple):
    """Where requests go."""

    client: httpx2.AsyncClient
    url: str


def client(key: str | None) -> httpx2.AsyncClient:
    """Return a client without bounds of its own; close it after use."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    # trust_env: a proxy that is set for the outside has no business here
    return httpx2.AsyncClient(
        headers=headers, timeout=TIMEOUT_SECONDS, limits=httpx2.Limits(max_connections=None), trust_env=False
    )


async def open_loop(target: Target, calls: Iterator[Call], rate: float, seconds: float, seed: int) -> list[Outcome]:
    """Send `rate` requests a second on average, at the times of a Poisson process, and wait for all answers."""
    arrivals = random.Random(seed)
    under_way: list[asyncio.Task[Outcome]] = []
    now = began = time.monotonic()
    while now - began < seconds:
        under_way.append(asyncio.create_task(send(target, next(calls))))
        now += arrivals.expovariate(rate)
        await asyncio.sleep(max(0.0, now - time.monotonic()))
    return list(await asyncio.gather(*under_way))


async def closed_loop(target: Target, calls: Iterator[Call], at_once: int, seconds: float) -> list[Outcome]:
    """Keep `at_once` requests under way for `seconds`; whoever is refused pauses."""
    end = time.monotonic() + seconds

    async def one_after_another() -> list[Outcome]:
        outcomes = []
        while time.monotonic() < end:
            outcomes.append(await send(target, next(calls)))
            if outcomes[-1].status in REFUSED:
                await asyncio.sleep(AGAIN_SECONDS)
        return outcomes

    return [
        outcome for part in await asyncio.gather(*(one_after_another() for _ in range(at_once))) for outcome in part
    ]


async def send(target: Target, call: Call) -> Outcome:
    """Send one request; a client that leaves closes its connection."""
    began = time.monotonic()
    try:
        headers = {"Content-Type": "application/octet-stream", "Portrait-Style": call.style}
        asked = target.client.post(target.url, content=call.body, headers=headers)
        status = (await asyncio.wait_for(asked, call.leaves)).status_code
    except (TimeoutError, httpx2.HTTPError):
        status = NO_ANSWER
    return Outcome(call.kind, status, time.monotonic() - began, began)
