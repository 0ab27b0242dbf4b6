"""scripts/loadtest.py: what it sends, when, what it makes of the answers, and a short overload of a real server."""

import asyncio
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import httpx2
import pytest

from scripts import loadtest
from scripts.load.loops import NO_ANSWER, Outcome, Target, client, closed_loop, open_loop, send
from scripts.load.processes import Held
from scripts.load.report import Run, broken_promises, pace, percentile
from scripts.load.times import read_measured, read_times
from scripts.load.traffic import Call, Shares, hostile, photos, traffic
from tests.tools.serving import Server

SLOW_SECONDS = 0.5


def test_the_same_seed_sends_the_same() -> None:
    def first(seed: int) -> list[Call]:
        return list(islice(traffic([b"a", b"b"], [b"bad"], Shares(0.1, 0.2), seed), 500))

    assert first(1) == first(1) != first(2)
    kinds = [call.kind for call in first(1)]
    assert 0.05 < kinds.count("hostile") / 500 < 0.15
    assert 0.15 < kinds.count("leaving") / 500 < 0.25
    assert all((call.leaves is None) != (call.kind == "leaving") for call in first(1))


def with_slow_server(use: Callable[[Target], "asyncio.Future[list[Outcome]]"]) -> list[Outcome]:
    """Run `use` against a server that answers one request of each connection 204 after `SLOW_SECONDS`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\na")
        await asyncio.sleep(SLOW_SECONDS)
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async def run() -> list[Outcome]:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, client(None) as asking:
            port = server.sockets[0].getsockname()[1]
            return await use(Target(asking, f"http://127.0.0.1:{port}/"))

    return asyncio.run(run())


def test_an_open_loop_waits_for_no_answer() -> None:
    calls = traffic([b"a"], [], Shares(), 0)
    outcomes = with_slow_server(lambda target: asyncio.ensure_future(open_loop(target, calls, 40, 1, 0)))
    assert 20 < len(outcomes) < 70  # a closed loop would come to two
    assert {outcome.status for outcome in outcomes} == {204}
    assert min(outcome.seconds for outcome in outcomes) >= SLOW_SECONDS - 0.01


def test_a_closed_loop_keeps_so_many_under_way() -> None:
    calls = traffic([b"a"], [], Shares(), 0)
    outcomes = with_slow_server(lambda target: asyncio.ensure_future(closed_loop(target, calls, 3, 0.7)))
    assert len(outcomes) == 6


def test_a_client_that_leaves_has_no_answer() -> None:
    async def leave(target: Target) -> list[Outcome]:
        outcome = await send(target, Call("leaving", b"a", leaves=0.05))
        await asyncio.sleep(2 * SLOW_SECONDS)  # until the server has noticed
        return [outcome]

    (outcome,) = with_slow_server(lambda target: asyncio.ensure_future(leave(target)))
    assert outcome.status == NO_ANSWER
    assert outcome.seconds < SLOW_SECONDS


BEFORE = Held(frozenset({1, 2}), 1000, 100)
OVERLOAD = Run(2, 0.5, 4, 10, [Outcome("good", 200, 5)] * 20 + [Outcome("good", 503, 0.1)] * 20, 3, BEFORE, BEFORE)
SOAK = Run(2, 0.5, 1, 10, [Outcome("good", 200, 0.5)] * 10, 0, BEFORE, BEFORE)


def changed(run: Run, **changes: object) -> Run:
    return Run(**{**vars(run), **changes})


@pytest.mark.parametrize("run", [OVERLOAD, SOAK])
def test_a_run_as_promised_breaks_no_promise(run: Run) -> None:
    assert broken_promises(run, 5) == []


@pytest.mark.parametrize(
    ("run", "broken"),
    [
        (changed(OVERLOAD, outcomes=[Outcome("good", 200, 6.1)] * 40), "p99 of what is drawn within 6.0 s"),
        (changed(OVERLOAD, outcomes=[*OVERLOAD.outcomes, *[Outcome("good", 503, 0.3)] * 5]), "p99 of refusals within"),
        (changed(OVERLOAD, outcomes=OVERLOAD.outcomes[3:]), "goodput at least 1.80 photos/s"),
        (changed(OVERLOAD, recovery_seconds=11), "full speed within 10 s"),
        (changed(OVERLOAD, after=BEFORE._replace(pids=frozenset({1, 3}))), "the same processes"),
        (changed(SOAK, after=BEFORE._replace(megabytes=1051)), "memory grows by less than 5%"),
        (changed(SOAK, after=BEFORE._replace(open_files=110)), "no more open files"),
    ],
)
def test_a_broken_promise_is_named(run: Run, broken: str) -> None:
    (named,) = broken_promises(run, 5)
    assert named.startswith(broken)


def test_what_is_drawn_after_the_end_takes_its_time() -> None:
    in_time, late = Outcome("good", 200, 1, began=9), Outcome("good", 200, 3, began=9.5)
    assert pace([in_time] * 10, 10) == 1
    assert pace([*[Outcome("good", 200, 1)] * 9, late], 10) == 10 / 12.5
    assert pace([], 10) == 0


def test_percentiles_are_of_what_there_is() -> None:
    assert percentile([1.0], 99) == 1
    assert percentile([0.0, 1.0], 50) == 0.5
    assert percentile([], 50) != percentile([], 50)  # NaN


def test_photos_built_to_hurt_are_all_refused_and_the_others_drawn(server: Server) -> None:
    for body, status in [*((photo, {200}) for photo in photos()), *((photo, {400, 413}) for photo in hostile())]:
        headers = {"Content-Type": "application/octet-stream"}
        answer = httpx2.post(server.predictions, content=body, headers=headers, timeout=60)
        assert answer.status_code in status


def test_a_short_overload_draws_and_refuses_and_nothing_else(
    server: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = tmp_path / "times.json"
    where = ["--url", server.predictions, "--folder", str(server.run.folder), "--json", str(kept)]
    # its status is about promises, which a machine with other work need not keep
    loadtest.main([*where, "--seconds", "8", "--find-seconds", "4", "--times", "3"])
    told = capsys.readouterr().out
    answers = set(re.findall(r"(\w+) (\d+): \d+", told.split("answers")[1].splitlines()[0]))
    assert ("good", "200") in answers
    assert {status for kind, status in answers if kind == "good"} <= {"200", "503"}
    assert {status for kind, status in answers if kind == "hostile"} <= {"400", "413", "503"}
    assert "processes the same" in told
    times, run = read_times(kept), read_measured(kept)
    assert (times.workers, times.places) == (server.run.arrangement.workers, server.run.promise.places)
    assert min(*times.alone, *times.together) > 0
    assert 0 == run.arrivals[0] < run.arrivals[-1] < 60
    assert len(run.arrivals) == len(run.statuses) == len(run.seconds)
