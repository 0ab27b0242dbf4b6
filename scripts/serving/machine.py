"""How many workers and threads suit this machine, and the environment that workers run best in."""

import math
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from scripts.serving.errors import SetupError

# Every full-size map is a fresh allocation of 17 to 67 MB. With glibc's defaults each one is taken from
# the kernel and given back, page by page; kept and in huge pages, the same work takes 10 to 20 % less time.
# Without the caches of threads, small blocks pin less of that memory: a worker takes some 20 MB less.
ALLOCATOR = ":".join(
    f"glibc.malloc.{setting}" for setting in ("hugetlb=1", "mmap_max=0", "trim_threshold=17179869184", "tcache_count=0")
)

# OpenMP's threads wait for each other in a loop before they sleep. With its default of 300,000 turns, which are
# milliseconds, they would keep the core from another worker that begins to draw meanwhile.
SPIN_COUNT = 5000

# The most that a process needs, over the largest photo: docs/operations.md, Memory.
JAVA_BYTES = 1_700_000_000
WORKER_BYTES = 1_400_000_000

WORKERS_PER_GPU = 4  # decoding, enlarging and encoding stay on the CPU; tried on a GPU in-process only


@dataclass(frozen=True)
class Arrangement:
    """Worker processes, and the threads that those of them share that draw at the moment (handler/cores.py)."""

    workers: int
    threads: int


def arrange(
    cores: int, memory: int, workers: int | None = None, threads: int | None = None, gpus: int = 0
) -> Arrangement:
    """Make the most of `cores`; what is given comes first.

    A worker for each core draws the most photos in all, and one that draws alone has others' threads as well:
    so there are as many workers as cores, fewer where `memory`, in bytes, does not suffice for them. A GPU draws
    for a few workers at most, each of which holds a copy of the network there.
    Raises `SetupError` when a given number is less than 1.
    """
    for name, value in (("--workers", workers), ("--threads", threads)):
        if value is not None and value < 1:
            raise SetupError(f"{name} must be at least 1, got {value}")
    fitting = max(1, (memory - JAVA_BYTES) // WORKER_BYTES)
    most = gpus * WORKERS_PER_GPU if gpus else cores
    return Arrangement(workers or min(cores, fitting, most), threads or cores)


def count_gpus() -> int:
    """GPUs that NVIDIA's driver lists, as TorchServe counts them; 0 without a driver."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return len([line for line in listed.stdout.splitlines() if line.startswith("GPU ")])


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores this process may use: its affinity, and the container's share of time, rounded up."""
    cores = len(os.sched_getaffinity(0))
    quota = _quota(cgroup)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def usable_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes this process may use: the machine's, or the container's limit, which psutil does not know."""
    installed = psutil.virtual_memory().total
    for limit in (cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"):  # v2, v1
        try:
            return min(installed, int(limit.read_text()))
        except (OSError, ValueError):  # not there; "max"
            continue
    return installed


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
    """Variables that make a worker fast; set before the process starts."""
    return {"GLIBC_TUNABLES": ALLOCATOR, "OMP_NUM_THREADS": str(threads), "GOMP_SPINCOUNT": str(SPIN_COUNT)}
