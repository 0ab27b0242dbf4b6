"""scripts/capacity.py: the model against what queueing theory knows, and what it answers."""

import math
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import capacity
from scripts.fleet.model import BUSY, DRAWN, Fleet, Outcomes, poisson, simulate
from scripts.fleet.plan import PRICES, Load, limits, read_prices, size
from scripts.load.report import percentile
from scripts.load.times import Measured, PhotoTimes, record

ENDLESS = 10**9
# one second of a worker, whoever else is at work
PLAIN = PhotoTimes(1, ENDLESS, [1.0], [1.0], 1.0)
SECONDS, WARM_UP = 20_000.0, 500.0


def constant(_: random.Random) -> float:
    return 1.0


def exponential(chance: random.Random) -> float:
    return chance.expovariate(1.0)


def queue(workers: int, rate: float, work: Callable[[random.Random], float], places: int = ENDLESS) -> Outcomes:
    times = replace(PLAIN, workers=workers, places=places, capacity=workers)
    fleet = Fleet(times, under_way=ENDLESS)
    return simulate(fleet, poisson(rate, SECONDS * max(1, 2 / rate) / 2, 1), 2, WARM_UP, work)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def erlang_b(workers: int, load: float) -> float:
    """Return the share that is lost: https://en.wikipedia.org/wiki/Erlang_(unit)#Erlang_B_formula."""
    terms = [load**n / math.factorial(n) for n in range(workers + 1)]
    return terms[-1] / sum(terms)


def erlang_c(workers: int, load: float) -> float:
    """Return the share that has to wait."""
    blocked = erlang_b(workers, load)
    return blocked / (1 - load / workers * (1 - blocked))


@pytest.mark.parametrize(("workers", "rate"), [(1, 0.7), (2, 1.4), (8, 6.8)])
def test_times_in_a_queue_of_several_workers_are_erlangs(workers: int, rate: float) -> None:
    found = mean(queue(workers, rate, exponential).seconds)
    assert found == pytest.approx(1 + erlang_c(workers, rate) / (workers - rate), rel=0.1)


def test_constant_photos_wait_half_as_long_as_exponential_ones() -> None:
    load = 0.8
    assert mean(queue(1, load, constant).seconds) == pytest.approx(1 + load / (2 * (1 - load)), rel=0.08)


@pytest.mark.parametrize(("workers", "rate"), [(2, 1.5), (8, 9.0)])
def test_without_places_so_many_are_refused_as_erlang_says(workers: int, rate: float) -> None:
    assert queue(workers, rate, exponential, places=0).refused() == pytest.approx(erlang_b(workers, rate), rel=0.1)


def test_two_workers_of_which_one_alone_is_twice_as_fast_are_between_one_server_and_two() -> None:
    """M/M/1 of twice the speed, where a photo gets all threads that become free, and M/M/2, where it never does."""
    times = replace(PLAIN, workers=2, alone=[0.5], capacity=2)
    outcomes = simulate(Fleet(times, under_way=ENDLESS), poisson(1.4, SECONDS, 3), 4, WARM_UP, exponential)
    assert 1 / (2 - 1.4) < mean(outcomes.seconds) < 1 + erlang_c(2, 1.4) / (2 - 1.4)


def test_a_photo_keeps_its_threads_to_its_end() -> None:
    times = replace(PLAIN, workers=2, alone=[0.5], capacity=2)
    # the first has two threads and, from 0.25 on, two thirds of the cores; then the second has its one thread
    first, second = simulate(Fleet(times), [0.0, 0.25]).seconds
    assert first == pytest.approx(0.25 + 0.5 / (4 / 3))
    assert second == pytest.approx(0.375 + 0.75)


def test_what_no_worker_spends_is_added_once() -> None:
    outcomes = simulate(Fleet(replace(PLAIN, together=[1.2], alone=[1.2], places=1)), [0.0, 0.5])
    assert outcomes.seconds == pytest.approx([1.2, 1.7])


BUSY_NODE = replace(PLAIN, workers=2, places=3, alone=[0.6], capacity=2)


@pytest.mark.parametrize("nodes", [1, 3])
@pytest.mark.parametrize("retries", [0, 4])
def test_every_request_ends_once(nodes: int, retries: int) -> None:
    fleet = Fleet(BUSY_NODE, nodes, retries=retries)
    sent = list(poisson(3.0 * nodes, 200, 5, burst=3))
    outcomes = simulate(fleet, sent)
    assert outcomes.asked == len(sent) == len(outcomes.statuses)
    assert outcomes.statuses.count(DRAWN) == len(outcomes.seconds)
    assert set(outcomes.statuses) <= {DRAWN, BUSY}
    assert 0 < outcomes.refused() < 1
    assert (outcomes.tries > outcomes.asked) == (retries > 0)


def test_the_same_seed_gives_the_same_and_another_does_not() -> None:
    def seconds(seed: int) -> list[float]:
        times = replace(BUSY_NODE, together=[0.5, 1.0, 2.0])
        return simulate(Fleet(times, 2, retries=2), poisson(4.0, 100, seed), seed).seconds

    assert seconds(1) == seconds(1) != seconds(2)


def test_the_proxy_lets_no_more_in_than_it_does() -> None:
    fleet = Fleet(replace(PLAIN, places=100), under_way=5)
    assert simulate(fleet, [0.0] * 9).statuses.count(BUSY) == 4


def test_the_balancer_asks_another_node_where_one_is_full() -> None:
    full = Fleet(replace(PLAIN, places=0), 2)
    assert simulate(full, [0.0, 0.1, 0.2]).statuses == [BUSY, DRAWN, DRAWN]


def test_bursts_keep_the_average_and_make_people_wait() -> None:
    calm, bursts = (list(poisson(20.0, 3_000, 6, burst)) for burst in (1.0, 4.0))
    assert len(calm) == pytest.approx(len(bursts), rel=0.05)
    fleet = Fleet(replace(PLAIN, workers=40, capacity=40))
    waits = [percentile(simulate(fleet, sent[:6_000]).seconds, 95) for sent in (calm, bursts)]
    assert waits[0] < 1.1 < waits[1]


# The command

QUICK = replace(PLAIN, workers=4, places=10, alone=[0.2], together=[0.3, 0.4, 0.5], capacity=10)


def test_a_larger_load_takes_more_nodes_and_a_longer_wait_fewer() -> None:
    few, many, patient = (size(QUICK, load).fleet.nodes for load in (Load(5, 1), Load(50, 1), Load(50, 3)))
    assert 1 <= few < patient <= many
    assert many >= 50 / QUICK.capacity


def test_no_number_of_nodes_is_quicker_than_a_photo() -> None:
    with pytest.raises(ValueError, match=r"takes longer than 0\.1 s on such a node"):
        size(QUICK, Load(5, 0.1))


def test_what_breaks_first_grows_with_the_load() -> None:
    _, table = read_prices(PRICES)
    shares = {rate: limits(Load(rate, 2), 1 + int(rate / 10), 0.5, table)[0] for rate in (1.0, 100.0, 10_000.0)}
    assert shares[1.0].used < shares[100.0].used < 1 < shares[10_000.0].used
    assert shares[10_000.0].name == "the balancer's network"


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """Return a load test of one node, which the model itself has drawn."""
    arrivals = list(poisson(0.5 * QUICK.capacity, 120, 7))
    outcomes = simulate(Fleet(QUICK), arrivals, 8)
    path = tmp_path / "half.json"
    record(path, QUICK, Measured(arrivals[: len(outcomes.seconds)], outcomes.statuses, outcomes.seconds))
    return path


def test_the_command_answers_and_compares(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert capacity.main(["--times", str(measured), "--photos-per-second", "5"]) == 0
    assert re.search(r"2 cores: \d+ nodes, 1 of them to spare; \d+% of the others at work\n", capsys.readouterr().out)
    assert capacity.main(["--times", str(measured), "--against", str(measured)]) == 0
    assert re.search(r"p50: measured 0\.\d\d s, model 0\.\d\d s, [+-]\d+%", capsys.readouterr().out)


def test_a_model_that_is_far_from_what_was_measured_is_told(measured: Path, tmp_path: Path) -> None:
    slow = tmp_path / "slow.json"
    record(slow, replace(QUICK, together=[1.0], capacity=4), Measured([], [], []))
    assert capacity.main(["--times", str(slow), "--against", str(measured)]) == 1


def test_a_file_of_another_kind_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text("{}")
    assert capacity.main(["--times", str(tmp_path / "other.json")]) == 1
    assert "holds no times, which python -m scripts.loadtest --json writes" in capsys.readouterr().err
