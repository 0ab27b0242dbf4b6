"""How many nodes a load takes: `python -m scripts.capacity --photos-per-second 200 --p95 2`.

It answers from a model of clients, balancer, proxies, queues and workers (scripts/fleet/model.py), fed with what photos
take on your machine: `python -m scripts.loadtest --json times.json --hostile 0 --leaving 0`, beside a running server.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.fleet.page import write_page
from scripts.fleet.plan import PRICES, Instance, Load, Sized, against, limits, read_prices, size
from scripts.load.report import percentile
from scripts.load.times import PhotoTimes, read_measured, read_times

TIMES = PRICES.with_name("photo_times.json")
NEAR = 0.15  # how far a percentile of the model may be from the measured one


def main(argv: Sequence[str] | None = None) -> int:
    """Print the answer; status 1 where there is none, or the model is not near enough to a load test."""
    given = _parser().parse_args(argv)
    try:
        times = read_times(given.times)
        if given.against:
            return _compare(times, given.against, given.nodes)
        instances, table = read_prices(given.prices)
        if given.page:
            write_page(times, instances, table)
            return 0
        load = Load(given.photos_per_second, given.p95, given.burst)
        for instance in instances:
            print(answer(instance, times, load, table, given.spare))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="capacity", description="Tell how many nodes a load takes, and their cost.")
    add = parser.add_argument
    add("--photos-per-second", type=float, default=10.0, metavar="N", help="on average; default: %(default)s")
    add(
        "--p95", type=float, default=2.0, metavar="S", help="seconds within which 95 %% are drawn; default: %(default)s"
    )
    add("--burst", type=float, default=2.0, help="for 5 s of each 30, times the rate of the rest; default: %(default)s")
    add("--spare", type=int, default=1, help="nodes that may be away; default: %(default)s")
    add("--times", type=Path, default=TIMES, help="of photos, by loadtest --json; default: two cores, provisional")
    add("--prices", type=Path, default=PRICES, help="of instances, and limits; default: %(default)s")
    add("--against", type=Path, metavar="FILE", help="hold the model against this load test of loadtest --json")
    add("--nodes", type=int, default=1, help="behind the address of that load test; default: %(default)s")
    add("--page", action="store_true", help="write docs/capacity.md and its plots")
    return parser


def answer(instance: Instance, times: PhotoTimes, load: Load, table: dict[str, float], spare: int) -> str:
    """Return what an operator asks, a line for each kind of instance."""
    on_it = times.on(instance.cores, instance.speed)
    try:
        sized = size(on_it, load, spare)
    except ValueError as error:
        return f"{instance.name}: {error}"
    p50, p95 = (percentile(sized.outcomes.seconds, percent) for percent in (50, 95))
    first = limits(load, sized.nodes, p50, table)[0]
    return "\n".join(
        [
            f"{instance.name}: {sized.nodes} nodes, {spare} of them to spare; {use(sized):.0%} of the others at work",
            f"  drawn after    p50 {p50:.2f} s, p95 {p95:.2f} s; {sized.outcomes.refused():.2%} refused",
            f"  cost           {instance.cost(sized.nodes, load.rate):.2f} for a million photos",
            f"  breaks first   {first.name} ({first.used:.0%} used): {first.change}",
        ]
    )


def use(sized: Sized) -> float:
    """Return the share of time that workers are at work."""
    return sized.outcomes.busy_seconds / (sized.outcomes.span * sized.fleet.nodes * sized.fleet.times.workers)


def _compare(times: PhotoTimes, path: Path, nodes: int) -> int:
    """Print percentiles of the model beside those of a load test; return 1 where they are not near."""
    run = read_measured(path)
    drawn = [seconds for seconds, status in zip(run.seconds, run.statuses, strict=True) if status == 200]
    modelled = against(times, nodes, list(run.arrivals))
    far = 0
    for percent in (50, 95):
        real, model = percentile(drawn, percent), percentile(modelled, percent)
        far += abs(model / real - 1) > NEAR
        print(f"p{percent}: measured {real:.2f} s, model {model:.2f} s, {model / real - 1:+.0%}")
    return 1 if far else 0


if __name__ == "__main__":
    sys.exit(main())
