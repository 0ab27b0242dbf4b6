import os
import subprocess
import sys

import pytest

from handler.memory import resident_bytes
from scripts.serving.machine import worker_environment

# In a worker's environment what is freed is kept for the next photo.
SWOLLEN = """
from handler.memory import Budget, resident_bytes
budget = Budget(100)
kept = [bytes(1000) for _ in range(400_000)]
{more}
before = resident_bytes()
print(budget.is_kept(), (before - resident_bytes()) // 1_000_000)
"""


def swell(more: str) -> list[str]:
    """Run the above with `more` -> whether the budget was kept, megabytes given back."""
    environment = os.environ | worker_environment(1)
    command = [sys.executable, "-c", SWOLLEN.format(more=more)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()


def test_what_is_free_is_given_back_where_more_is_held_than_may_be() -> None:
    kept, given_back = swell("del kept")
    assert kept == "True"
    assert int(given_back) > 300


def test_what_is_in_use_is_over_the_budget() -> None:
    assert swell("")[0] == "False"


def test_within_the_budget_nothing_is_given_back() -> None:
    assert swell("del kept; budget = Budget(100)") == ["True", "0"]


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
def test_resident_memory_is_what_the_kernel_says() -> None:
    assert 10e6 < resident_bytes() < 100e9
