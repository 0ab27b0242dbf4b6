"""What a server does under load: `python -m scripts.loadtest`, beside a server that runs.

It finds the capacity, offers a multiple of it in an open loop, and tells what was drawn, refused and held. Twice the
capacity is an overload, half of it for twenty minutes a soak: docs/operations.md, Overload.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.load.loops import Target, client, closed_loop, open_loop, send
from scripts.load.processes import held
from scripts.load.report import RECOVERY_SECONDS, Run, broken_promises, drawn_after, measured, pace, text
from scripts.load.times import PhotoTimes, places_of, record
from scripts.load.traffic import Call, Shares, hostile, photos, traffic
from scripts.serving.arguments import add_max_wait
from scripts.serving.keys import key_of
from scripts.serving.paths import folder_of
from scripts.serving.settings import HOST, MODEL, Ports

AT_ONCE = 4  # while the capacity is found
ALONE = 3  # photos, one after another
AS_ALONE = 1.5  # times as long as one alone is full speed


def main(argv: Sequence[str] | None = None) -> int:
    """Print the report; status 1 and the promises that were broken, if any were."""
    options = _parser().parse_args(argv)
    run, times = asyncio.run(_measured(options))
    print(text(run))
    if options.json:
        record(options.json, times, measured(run))
    broken = broken_promises(run, options.max_wait)
    for promise in broken:
        print(f"NOT KEPT         {promise}")
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="loadtest", description="Tell what a running server does under load.")
    add = parser.add_argument
    add("--times", type=float, default=2.0, help="what is offered, in capacities; default: %(default)s, an overload")
    add("--seconds", type=float, default=120.0, help="how long; default: %(default)s")
    add("--find-seconds", type=float, default=20.0, help="how long the capacity is looked for; default: %(default)s")
    add("--leaving", type=float, default=0.05, help="share of clients that leave; default: %(default)s")
    add("--hostile", type=float, default=0.05, help="share of photos built to hurt; default: %(default)s")
    add("--hostile-photos", type=Path, metavar="DIR", help="take these; default: some of each kind are made")
    add("--url", help="of the proxy, for example; default: TorchServe's on this machine")
    add("--port-offset", type=int, default=0, metavar="K", help="as serve.sh was told; default: %(default)s")
    add("--folder", type=Path, help="where the server keeps its settings; default: serve.sh's")
    add("--json", type=Path, metavar="FILE", help="write the times of photos there, for scripts.capacity")
    add("--seed", type=int, default=0, help="the same requests at the same times; default: %(default)s")
    add_max_wait(parser)
    return parser


async def _measured(options: argparse.Namespace) -> tuple[Run, PhotoTimes]:
    ports = Ports.at(options.port_offset)
    folder = options.folder or folder_of(ports.rest)
    good = photos()
    async with client(key_of(folder, "inference")) as asking:
        target = Target(asking, options.url or f"http://{HOST}:{ports.rest}/predictions/{MODEL}")
        usual = Call("good", good[len(good) // 2])
        calm = traffic(good, [], Shares(), options.seed)
        alone = statistics.median([(await send(target, usual)).seconds for _ in range(ALONE)])
        workers, places = places_of(folder) if options.json else (1, 1)
        seconds = options.find_seconds if options.json else 0.0
        singly = drawn_after(await closed_loop(target, calm, 1, seconds))
        together = drawn_after(await closed_loop(target, calm, workers, seconds))
        capacity = pace(await closed_loop(target, calm, AT_ONCE, options.find_seconds), options.find_seconds)
        if not capacity:
            raise SystemExit(f"{target.url} draws nothing")
        before = held(folder)
        calls = traffic(good, hostile(options.hostile_photos), Shares(options.hostile, options.leaving), options.seed)
        rate, began = options.times * capacity, time.monotonic()
        outcomes = await open_loop(target, calls, rate, options.seconds, options.seed)
        recovery = await _recovery_seconds(target, usual, alone, began + options.seconds)
        run = Run(capacity, alone, rate, options.seconds, outcomes, recovery, before, held(folder))
        return run, PhotoTimes(workers, places, singly, together, capacity)


async def _recovery_seconds(target: Target, usual: Call, alone: float, since: float) -> float:
    """Send a photo again and again until it takes as long as one alone; give up after three times the promise."""
    while (passed := time.monotonic() - since) < 3 * RECOVERY_SECONDS:
        outcome = await send(target, usual)
        if outcome.status == 200 and outcome.seconds < AS_ALONE * alone:
            return passed
    return passed


if __name__ == "__main__":
    sys.exit(main())
