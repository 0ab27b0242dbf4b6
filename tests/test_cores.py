"""What a worker takes of the cores, beside other workers that are processes of their own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from handler.cores import Cores

AT_WORK = """
import sys, pathlib
from handler.cores import Cores
with Cores(pathlib.Path(sys.argv[1]), 4).at_work():
    print("at work", flush=True)
    sys.stdin.read()
print("done", flush=True)
sys.stdin.close()
"""
Other = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    """Start another worker that is at work until its input ends."""
    started = []

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", AT_WORK, str(tmp_path)]
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(worker)
        assert worker.stdout
        assert worker.stdout.readline() == "at work\n"
        return worker

    yield start
    for worker in started:
        worker.kill()
        worker.communicate()


@pytest.mark.parametrize(("threads", "share"), [(1, 1), (2, 2), (3, 2), (4, 4), (64, 4)])
def test_a_worker_alone_has_up_to_four(tmp_path: Path, threads: int, share: int) -> None:
    cores = Cores(tmp_path, threads)
    assert cores.share() == share
    with cores.at_work():
        assert cores.share() == share


def test_those_at_work_share_until_they_are_done_or_killed(tmp_path: Path, other: Other) -> None:
    cores = Cores(tmp_path, 4)
    with cores.at_work():
        first = other()
        assert cores.share() == 2
        second = other()
        assert cores.share() == 1
        first.kill()
        first.wait()
        assert cores.share() == 2
        second.communicate()
        assert cores.share() == 4


def test_workers_that_are_there_are_counted_whether_they_are_at_work_or_not(tmp_path: Path, other: Other) -> None:
    cores = Cores(tmp_path, 4)
    assert cores.workers() == 1
    beside = other()
    assert cores.workers() == 2
    beside.kill()
    beside.wait()
    assert cores.workers() == 1


def test_nobody_has_less_than_one(tmp_path: Path, other: Other) -> None:
    cores = Cores(tmp_path, 1)
    with cores.at_work():
        other()
        assert cores.share() == 1


def test_a_fault_ends_the_work(tmp_path: Path) -> None:
    cores, beside = Cores(tmp_path, 4), Cores(tmp_path, 4)
    with pytest.raises(ZeroDivisionError), cores.at_work():
        _ = 1 / 0
    with beside.at_work():
        assert beside.share() == 4
