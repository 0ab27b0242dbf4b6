"""The same photo in-process, by every way to divide the cores, and served through REST and gRPC.

Needs what requirements/client.txt installs, unlike its siblings.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import psutil
from tqdm import tqdm

from model.quantization.pictures import sample_photos
from model.weights.source import Weights
from portrait_client import GrpcPortraitClient, PortraitClient
from portrait_client.local import LocalPortraits
from scripts.archive.build import build
from scripts.bench.arrangements import arrangements
from scripts.bench.service import AT_ONCE, IN_PROCESS, Served, ServedError, Service
from scripts.serving.java import ensure_java
from scripts.serving.machine import Arrangement, arrange, count_gpus, usable_cores, usable_memory, worker_environment
from scripts.serving.management import describe
from scripts.serving.paths import ROOT
from scripts.serving.readiness import wait_until_ready
from scripts.serving.server import Run, check_ports, start, stop
from scripts.serving.settings import HOST, Ports

_WARM_UP = 3

Draw = Callable[[bytes], object]


def measure_served(weights: Weights, offset: int, requests: int, precision: str) -> Service:
    """Build an archive of `weights`, serve it as scripts/serve.sh does, and time `requests` each way."""
    photo = _jpeg()
    with tempfile.TemporaryDirectory(prefix="portrait-served-") as folder:
        archive = Path(folder) / "store" / "portrait.mar"
        build(weights, archive)
        inside = [_in_process(archive, photo, requests, a, precision, Path(folder)) for a in arrangements()]
        gpus = count_gpus()
        shared = arrange(usable_cores(), usable_memory(), gpus=gpus)
        run = Run(Ports.at(offset), shared, False, archive, ensure_java(), Path(folder) / "server", precision, gpus)
        started = time.perf_counter()
        with _serving(run):
            ready = time.perf_counter() - started
            ways = _through(run, photo, requests)
    return Service(ready, tuple(inside), tuple(ways))


def _through(run: Run, photo: bytes, requests: int) -> list[Served]:
    rows, ports = [], run.ports
    with PortraitClient(f"http://{HOST}:{ports.rest}") as rest, GrpcPortraitClient(f"{HOST}:{ports.grpc}") as grpc:
        for way, draw in (("REST", rest.draw), ("gRPC", grpc.draw)):
            for at_once in (1, 2, AT_ONCE):
                taken, total = _times(way, draw, photo, requests, at_once)
                rows.append(_row(way, run.arrangement, at_once, taken, len(taken) / total, worker_mb(run.folder)))
    return rows


def _times(way: str, draw: Draw, photo: bytes, requests: int, at_once: int) -> tuple[list[float], float]:
    """Seconds of each request, and of all."""
    for _ in range(_WARM_UP):
        draw(photo)
    with ThreadPoolExecutor(at_once) as crew:
        started = time.perf_counter()
        jobs = crew.map(lambda _: _seconds(draw, photo), range(requests))
        taken = list(tqdm(jobs, desc=f"{way}, {at_once} at once", total=requests, leave=False, disable=None))
        return taken, time.perf_counter() - started


def _seconds(draw: Draw, photo: bytes) -> float:
    started = time.perf_counter()
    draw(photo)
    return time.perf_counter() - started


def _row(
    way: str, arrangement: Arrangement, at_once: int, taken: Sequence[float], rate: float, megabytes: float
) -> Served:
    marks = statistics.quantiles(taken, n=100, method="inclusive")
    p50, p95, p99 = (1000 * marks[percent - 1] for percent in (50, 95, 99))
    return Served(way, arrangement, at_once, len(taken), p50, p95, p99, rate, megabytes)


def worker_mb(folder: Path) -> float:
    """Resident memory of the largest worker of the server that runs from `folder`."""
    return max(float(psutil.Process(worker.pid).memory_info().rss) for worker in describe(folder).workers) / 1e6


@contextmanager
def _serving(run: Run) -> Iterator[None]:
    check_ports(run.ports)
    process = start(run, tied=True)
    try:
        wait_until_ready(run, process)
        yield
    finally:
        stop(run.folder)
        process.wait()


def _in_process(
    archive: Path, photo: bytes, requests: int, arrangement: Arrangement, precision: str, folder: Path
) -> Served:
    """Time the handler's own steps without a server, in as many processes as workers, in their environment."""
    (folder / "photo.jpg").write_bytes(photo)
    code = "import sys; from scripts.bench.served import draw_here; draw_here(*sys.argv[1:])"
    each = -(-requests // arrangement.workers)
    command = [sys.executable, "-c", code, str(archive), str(folder / "photo.jpg"), str(each)]
    environment = {**os.environ, **worker_environment(arrangement.threads), "PORTRAIT_PRECISION": precision}
    crew = [
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for _ in range(arrangement.workers)
    ]
    for process in crew:
        _line(process)
    for process in crew:
        assert process.stdin
        process.stdin.write("go\n")
    found = [json.loads(_line(process)) for process in crew]
    for process in crew:
        process.communicate()
    taken = [seconds for times, _ in found for seconds in times]
    rate = sum(len(times) / sum(times) for times, _ in found)
    return _row(IN_PROCESS, arrangement, arrangement.workers, taken, rate, max(megabytes for _, megabytes in found))


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise ServedError("--serve: the archive does not draw in-process; the lines above say why")
    return line


def draw_here(archive: str, photo: str, requests: str) -> None:
    """Warm up, wait for a line, then print each drawing's seconds and the drawing process's memory in MB, as JSON."""
    local, data = LocalPortraits(Path(archive)), Path(photo).read_bytes()
    (drawing,) = psutil.Process().children()
    for _ in range(_WARM_UP):
        local.draw(data)
    print("ready", flush=True)
    sys.stdin.readline()
    taken = [_seconds(local.draw, data) for _ in range(int(requests))]
    print(json.dumps([taken, drawing.memory_info().rss / 1e6]), flush=True)


def _jpeg() -> bytes:
    pixels = sample_photos()[0][0].permute(1, 2, 0).numpy()
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    if not done:
        raise ServedError("--serve: OpenCV writes no JPEG here")
    return bytes(encoded)
