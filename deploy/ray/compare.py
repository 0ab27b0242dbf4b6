"""Photos a second of this machine, by Ray and by plain processes in turns: python -m deploy.ray.compare PHOTOS.

Each turn starts anew; its speed is reckoned from the half to nine tenths of the pictures, so that neither pays for its
start, which takes Ray most of a minute, and its end. Of Ray's turns it is told as well what all processes hold.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from deploy.ray.manifest import read_lines, shard_of
from deploy.ray.store import Store
from portrait_client.arguments import ARCHIVE
from portrait_client.local import LocalPortraits, crew_for
from portrait_client.options import Options
from scripts.serving.machine import worker_environment


def main(argv: Sequence[str] | None = None) -> int:
    """Print each turn's photos a second, and the ratio of their medians."""
    parser = argparse.ArgumentParser(prog="python -m deploy.ray.compare", description=(__doc__ or "").split(":")[0])
    parser.add_argument("photos", type=Path, help="a folder of at least eighty photos for each core")
    parser.add_argument("--archive", type=Path, default=ARCHIVE)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(argv)
    os.environ.update(worker_environment(1))  # both are tuned alike
    turns: dict[str, list[float]] = {"plain": [], "Ray": []}
    held: list[tuple[float, float]] = []
    for _ in range(given.rounds):
        turns["plain"].append(_speed(_plain(given.archive, given.photos)))
        with _sampled() as samples:
            ends = _by_ray(given.archive, given.photos)
        turns["Ray"].append(_speed(ends))
        held.append(_early_and_late(samples, ends))
    for way, speeds in turns.items():
        print(f"{way}: {', '.join(f'{speed:.2f}' for speed in speeds)} photos/s")
    print(f"Ray / plain, medians: {statistics.median(turns['Ray']) / statistics.median(turns['plain']):.3f}")
    print(f"Ray holds, early and late: {', '.join(f'{early:.0f} and {late:.0f}' for early, late in held)} MB")
    return 0


def _plain(archive: Path, photos: Path) -> list[float]:
    """Return when each picture was there, drawn by a process for each core without Ray."""
    paths = sorted((path for path in photos.iterdir() if path.is_file()), key=lambda path: shard_of(path.name))
    crew = crew_for(len(paths))
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalPortraits(archive, crew) as local,
        ThreadPoolExecutor(crew) as pool,
    ):

        def draw(path: Path) -> float:
            (picture,) = local.draw_each(path.read_bytes(), [Options("draw")])
            if not isinstance(picture, Exception):
                picture.save(Path(folder, f"{path.name}.png"))
            return time.time()

        return list(pool.map(draw, paths))


def _by_ray(archive: Path, photos: Path) -> list[float]:
    """Return when each picture was there, drawn by the command, which is begun and ended for it."""
    target = tempfile.mkdtemp()
    command = [sys.executable, "-m", "deploy.ray.draw", str(photos), target, "--archive", str(archive)]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return [line.at for line in read_lines(Store(target))]
    finally:
        shutil.rmtree(target)


@contextmanager
def _sampled() -> Iterator[list[tuple[float, float]]]:
    """Yield a list that grows by (time, MB that all descendants of this process hold), every two seconds."""
    samples: list[tuple[float, float]] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(2):
            samples.append((time.time(), sum(map(_megabytes, psutil.Process().children(recursive=True)))))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def _megabytes(process: psutil.Process) -> float:
    """Return what a process holds beside mapped files; 0 where it has ended. Exact figures would stop it meanwhile."""
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0.0
    return float(memory.rss - memory.shared) / 1e6


def _early_and_late(samples: Sequence[tuple[float, float]], ends: Sequence[float]) -> tuple[float, float]:
    """Return the medians of the second and of the last quarter of the time in which pictures came."""
    first, last = min(ends), max(ends)
    quarters: list[list[float]] = [[], [], [], []]
    for at, megabytes in samples:
        if first <= at < last:
            quarters[int(4 * (at - first) / (last - first))].append(megabytes)
    return statistics.median(quarters[1]), statistics.median(quarters[3])


def _speed(ends: Sequence[float]) -> float:
    """Return photos a second from the half to nine tenths of the pictures."""
    ordered, number = sorted(ends), len(ends)
    first, last = number // 2, number * 9 // 10
    return (last - first) / (ordered[last] - ordered[first])


if __name__ == "__main__":
    sys.exit(main())
