"""How many workers and threads suit this machine, and the environment that workers run best in."""

import math
import os
from dataclasses import dataclass
from pathlib import Path

from scripts.serving.errors import SetupError

# Every full-size map is a fresh allocation of 17 to 67 MB. With glibc's defaults each one is taken from
# the kernel and given back, page by page; kept and in huge pages, the same work takes 10 to 20 % less time.
# Without the caches of threads, small blocks pin less of that memory: a worker takes some 20 MB less.
ALLOCATOR = ":".join(
    f"glibc.malloc.{setting}" for setting in ("hugetlb=1", "mmap_max=0", "trim_threshold=17179869184", "tcache_count=0")
)

# The share of a photo's time on one core that more threads do not shorten: that of the table in README.md.
SERIAL_SHARE = 0.11
# What a core has to yield among the threads of one worker, against a core by itself.
LEAST_YIELD = 0.75


@dataclass(frozen=True)
class Arrangement:
    """Worker processes, and threads that each of them computes with."""

    workers: int
    threads: int


def arrange(cores: int, workers: int | None = None, threads: int | None = None) -> Arrangement:
    """Fill `cores` once: what is not given follows from what is.

    The more threads, the sooner a single photo is answered and the fewer workers hold the weights; the
    more workers, the more photos are drawn in all. So workers get as many threads as `most_threads` tells.
    Raises `SetupError` when a given number is less than 1.
    """
    for name, value in (("--workers", workers), ("--threads", threads)):
        if value is not None and value < 1:
            raise SetupError(f"{name} must be at least 1, got {value}")
    if workers is None:
        workers = max(1, cores // threads) if threads else math.ceil(cores / most_threads())
    return Arrangement(workers, threads or max(1, cores // workers))


def most_threads() -> int:
    """As many threads as still yield `LEAST_YIELD` each: 1 / (1 + share * (threads - 1)), by Amdahl's law (1967)."""
    return 1 + math.floor((1 / LEAST_YIELD - 1) / SERIAL_SHARE)


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores this process may use: its affinity, and the container's share of time, rounded up."""
    cores = len(os.sched_getaffinity(0))
    quota = _quota(cgroup)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quota(cgroup: Path) -> float | None:
    """Cores' worth of time that cgroup v2 (cpu.max) or v1 grants; None without a limit."""
    try:
        if (cgroup / "cpu.max").exists():
            granted, period = (cgroup / "cpu.max").read_text().split()
        else:
            granted = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        return None if granted in ("max", "-1") else int(granted) / int(period)
    except (OSError, ValueError):
        return None


def worker_environment(threads: int) -> dict[str, str]:
    """Variables that make a worker fast; it has to be born with them."""
    return {"GLIBC_TUNABLES": ALLOCATOR, "OMP_NUM_THREADS": str(threads)}
