"""What a hostile photo costs whoever decodes it: at most 0.3 s and 150 MB; a good small one costs next to none."""

import contextlib
import time
from pathlib import Path

import pytest

from handler.decode import Limits, decode
from handler.errors import RequestError
from tests.tools.hostile import BAD, EITHER, GOOD, HUGE, Maker, encoded, gray_scans, picture
from tests.tools.shared import needs_shared, shared

SECONDS, MEGABYTES = 0.3, 150
HOSTILE = GOOD | BAD | HUGE | EITHER


def cost(data: bytes) -> tuple[float, float]:
    """Return CPU seconds and megabytes above what was there, of drawing or refusing a file."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (proc(5))
    before, started = _megabytes("VmRSS"), time.process_time()
    with contextlib.suppress(RequestError):
        decode(data, Limits())
    return time.process_time() - started, _megabytes("VmHWM") - before


def _megabytes(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith(f"{name}:"))


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_photo_costs_little(make: Maker) -> None:
    seconds, megabytes = cost(make())
    assert seconds < SECONDS
    assert megabytes < MEGABYTES


@needs_shared("cases/cost_scans_49mp.jpg")
def test_the_jpeg_that_took_ten_seconds_costs_little() -> None:
    assert cost(shared("cases/cost_scans_49mp.jpg").read_bytes()) < (SECONDS, MEGABYTES)


def test_the_dearest_scans_that_are_taken_cost_little() -> None:
    data = gray_scans(0.5, 98)
    assert decode(data, Limits()).shape[2] == 3
    assert cost(data) < (SECONDS, MEGABYTES)


def test_a_cost_over_the_bound_would_be_noticed() -> None:
    assert cost(GOOD["png"]()) < (0.05, 10)
    seconds, megabytes = cost(encoded(picture(8000, 6000), "PNG", compress_level=1))
    assert seconds > SECONDS
    assert megabytes > MEGABYTES
