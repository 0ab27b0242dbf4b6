"""The same photo in-process, through REST and through gRPC, of one archive on one machine."""

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
from dataclasses import dataclass
from pathlib import Path

import cv2
import psutil
from tqdm import tqdm

from model.pictures import seeded_photo
from model.weights import Weights
from portrait_client import GrpcPortraitClient, PortraitClient
from scripts.serving.archive import build
from scripts.serving.java import ensure_java
from scripts.serving.machine import Arrangement, arrange, usable_cores, worker_environment
from scripts.serving.paths import ROOT
from scripts.serving.readiness import wait_until_ready
from scripts.serving.server import Run, check_ports, start, stop
from scripts.serving.settings import HOST, Ports

AT_ONCE = 4
_WARM_UP = 3

Draw = Callable[[bytes], object]


class ServedError(Exception):
    """A server that could not be measured."""


@dataclass(frozen=True)
class Served:
    """Requests for one photo, one way."""

    way: str
    at_once: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    photos_per_second: float
    worker_mb: float  # resident, all workers together, afterwards


def measure_served(weights: Weights, offset: int, requests: int) -> list[Served]:
    """Build an archive of `weights`, serve it as scripts/serve.sh does, and time `requests` each way."""
    arrangement = arrange(usable_cores())
    photo = _jpeg()
    with tempfile.TemporaryDirectory(prefix="portrait-served-") as folder:
        archive = Path(folder) / "store" / "portrait.mar"
        build(weights, "auto", archive)
        rows = [_in_process(archive, photo, requests, arrangement, Path(folder))]
        with _server(archive, offset, arrangement, Path(folder)) as process:
            rows += _through(process, Ports.at(offset), photo, requests)
    return rows


def _through(process: "subprocess.Popen[bytes]", ports: Ports, photo: bytes, requests: int) -> list[Served]:
    rows = []
    with PortraitClient(f"http://{HOST}:{ports.rest}") as rest, GrpcPortraitClient(f"{HOST}:{ports.grpc}") as grpc:
        for way, draw in (("REST", rest.draw), ("gRPC", grpc.draw)):
            for at_once in (1, AT_ONCE):
                taken, total = _times(way, draw, photo, requests, at_once)
                rows.append(_row(way, at_once, taken, total, workers_mb(process.pid)))
    return rows


def _times(way: str, draw: Draw, photo: bytes, requests: int, at_once: int) -> tuple[list[float], float]:
    """Seconds of each request, and of all."""
    for _ in range(_WARM_UP):
        draw(photo)
    with ThreadPoolExecutor(at_once) as crew:
        started = time.perf_counter()
        jobs = crew.map(lambda _: _seconds(draw, photo), range(requests))
        taken = list(tqdm(jobs, desc=f"{way}, {at_once} at once", total=requests, leave=False))
        return taken, time.perf_counter() - started


def _seconds(draw: Draw, photo: bytes) -> float:
    started = time.perf_counter()
    draw(photo)
    return time.perf_counter() - started


def _row(way: str, at_once: int, taken: Sequence[float], total: float, megabytes: float) -> Served:
    marks = statistics.quantiles(taken, n=100, method="inclusive")
    p50, p95, p99 = (1000 * marks[percent - 1] for percent in (50, 95, 99))
    return Served(way, at_once, p50, p95, p99, len(taken) / total, megabytes)


def workers_mb(server: int) -> float:
    """Resident memory of TorchServe's Python workers."""
    workers = [
        process
        for process in psutil.Process(server).children(recursive=True)
        if any("model_service_worker" in word for word in process.cmdline())
    ]
    return sum(float(process.memory_info().rss) for process in workers) / 1e6


@contextmanager
def _server(archive: Path, offset: int, arrangement: Arrangement, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    ports = Ports.at(offset)
    check_ports(ports)
    run = Run(ports, arrangement, tokens=False, archive=archive, java=ensure_java(), folder=folder / "server")
    process = start(run, tied=True)
    try:
        wait_until_ready(run, process)
        yield process
    finally:
        stop(run.folder)
        process.wait()


def _in_process(archive: Path, photo: bytes, requests: int, arrangement: Arrangement, folder: Path) -> Served:
    """The handler's own steps without a server, in a worker's environment."""
    (folder / "photo.jpg").write_bytes(photo)
    code = "import sys; from scripts.bench.served import draw_here; draw_here(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(archive), str(folder / "photo.jpg"), str(requests)]
    environment = {**os.environ, **worker_environment(arrangement.threads)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise ServedError("--serve: the archive does not draw in-process; the lines above say why")
    taken, megabytes = json.loads(done.stdout)
    return _row("in-process", 1, taken, sum(taken), megabytes)


def draw_here(archive: str, photo: str, requests: str) -> None:
    """Print the seconds of each drawing, and this process's memory in MB, as JSON."""
    from portrait_client.local import LocalPortraits  # loads torch, which a client of a server has no need of

    local, data = LocalPortraits(Path(archive)), Path(photo).read_bytes()
    for _ in range(_WARM_UP):
        local.draw(data)
    taken = [_seconds(local.draw, data) for _ in range(int(requests))]
    print(json.dumps([taken, psutil.Process().memory_info().rss / 1e6]))


def _jpeg() -> bytes:
    pixels = seeded_photo(0, 512, 512)[0].permute(1, 2, 0).numpy()
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    if not done:
        raise ServedError("--serve: OpenCV writes no JPEG here")
    return bytes(encoded)


def served_table(rows: Sequence[Served]) -> str:
    """Markdown."""
    lines = ["| way | at once | p50 ms | p95 ms | p99 ms | photos / s | workers MB |", "|" + " --- |" * 7]
    for r in rows:
        figures = f"{r.p50_ms:.0f} | {r.p95_ms:.0f} | {r.p99_ms:.0f} | {r.photos_per_second:.2f} | {r.worker_mb:.0f}"
        lines.append(f"| {r.way} | {r.at_once} | {figures} |")
    return "\n".join(lines)
