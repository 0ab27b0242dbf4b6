"""How many requests may wait, and how long a worker may take: by a photo's time and what was promised."""

import argparse
from pathlib import Path

import pytest
import yaml

from handler.cores import THREADS
from scripts.serving.arguments import add_max_wait
from scripts.serving.errors import SetupError
from scripts.serving.machine import Arrangement
from scripts.serving.paths import ROOT
from scripts.serving.promise import BY_HAND, SHARED_THREADS, Promise, promise
from scripts.serving.settings import read_properties
from scripts.serving.unpacked import unpack

GIGABYTE = 10**9


@pytest.mark.parametrize(
    ("photo_seconds", "workers", "threads", "max_wait", "places"),
    [
        (0.5, 2, 2, 5, 10),
        (0.25, 2, 2, 5, 20),
        (0.5, 2, 2, 1, 2),
        (2.0, 1, 1, 5, 2),
        (9.0, 1, 1, 5, 1),
        (0.2, 16, 16, 5, 100),
        (0.2, 3, 16, 5, 75),
        (0.2, 1, 16, 5, 25),
    ],
)
def test_as_many_may_wait_as_are_drawn_in_the_time_that_was_promised(
    photo_seconds: float, workers: int, threads: int, max_wait: float, places: int
) -> None:
    arrangement = Arrangement(workers, threads)
    assert promise(photo_seconds, arrangement, 64 * GIGABYTE, max_wait).places == places


def test_the_queue_fits_into_javas_memory_and_that_into_the_machines() -> None:
    ample = promise(0.02, Arrangement(2, 2), 64 * GIGABYTE)
    assert (ample.places, ample.heap_mb) == (250, 250 * 56 + 416)
    short = promise(0.02, Arrangement(2, 2), 6 * GIGABYTE)
    assert 20 < short.places < 250
    assert short.heap_mb * 2**20 < 6 * GIGABYTE - 2 * 1_400_000_000
    assert promise(0.02, Arrangement(2, 2), GIGABYTE) == Promise(20, 20, 1536)


@pytest.mark.parametrize(("photo_seconds", "response_seconds"), [(0.1, 20), (4, 24), (7, 42), (30, 50)])
def test_a_worker_counts_as_hung_after_more_than_the_largest_photo_takes(
    photo_seconds: float, response_seconds: int
) -> None:
    assert promise(photo_seconds, Arrangement(2, 2), GIGABYTE).response_seconds == response_seconds


def test_what_is_committed_is_what_nobody_promised() -> None:
    settings = yaml.safe_load((ROOT / "handler" / "model-config.yaml").read_text())
    properties = read_properties(ROOT / "config.properties")
    assert Promise(settings["jobQueueSize"], settings["responseTimeout"]) == BY_HAND
    assert f"-Xmx{Promise.heap_mb}m" in properties["vmargs"]
    assert properties["default_response_timeout"] == str(Promise.response_seconds)


def test_threads_are_shared_as_the_handler_shares_them() -> None:
    assert max(THREADS) == SHARED_THREADS


def parsed(*arguments: str) -> float:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_max_wait(parser)
    seconds: float = parser.parse_args(arguments).max_wait
    return seconds


def test_the_wait_comes_from_the_option_else_the_variable_else_is_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parsed() == 5
    monkeypatch.setenv("PORTRAIT_MAX_WAIT", "7.5")
    assert parsed() == 7.5
    assert parsed("--max-wait", "2") == 2


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_a_wait_that_cannot_be_promised_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentError, match="--max-wait"):
        parsed("--max-wait", text)


def test_what_is_no_archive_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "portrait.mar"
    archive.write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(SetupError, match=f"^{archive} could not be unpacked"):
        unpack(archive, BY_HAND, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()
