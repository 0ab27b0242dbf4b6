"""What a photo takes at a server, and what became of a load: written by `python -m scripts.loadtest --json`."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from model.files import write_whole
from scripts.serving.settings import read_properties

SHARED = 2  # threads of a photo that has the others' as well, on the two cores that were measured: handler/cores.py


@dataclass(frozen=True)
class PhotoTimes:
    """Seconds of photos at a server that has nothing waiting."""

    workers: int
    places: int  # of its queue
    alone: Sequence[float]  # one after another
    together: Sequence[float]  # as many at once as there are workers
    capacity: float  # photos a second while some are always waiting

    @property
    def outside(self) -> float:
        """Seconds of a photo in which no worker has it: on its way in and out."""
        return max(0.0, statistics.mean(self.together) - self.workers / self.capacity)

    @property
    def work(self) -> list[float]:
        """Seconds of a worker that has one thread, of each photo of `together`."""
        share = self.workers / self.capacity / statistics.mean(self.together)
        return [seconds * share for seconds in self.together]

    @property
    def gain(self) -> float:
        """How much sooner a worker draws that has `SHARED` threads."""
        alone = statistics.mean(self.alone) - self.outside
        return min(float(SHARED), max(1.0, self.workers / self.capacity / alone)) if alone > 0 else float(SHARED)

    def on(self, cores: int, speed: float) -> "PhotoTimes":
        """Return the times of a node with so many cores, a worker for each, `speed` times as fast.

        The queue promises the same wait, so it grows with what the node draws: scripts/serving/promise.py.
        """
        grown = cores * speed / self.workers
        together = [seconds / speed for seconds in self.together]
        alone = [seconds / speed for seconds in self.alone]
        return PhotoTimes(cores, max(1, round(self.places * grown)), alone, together, self.capacity * grown)


@dataclass(frozen=True)
class Measured:
    """A load: when requests came, and what became of them."""

    arrivals: Sequence[float]  # seconds from the first
    statuses: Sequence[int]
    seconds: Sequence[float]  # of each until its answer


def places_of(folder: Path) -> tuple[int, int]:
    """Return workers and places of the queue of the server that runs from `folder`, as it was told them."""
    told = read_properties(folder / "config.properties")
    model = Path(told["load_models"].partition("=")[2]) / "model-config.yaml"
    return int(told["default_workers_per_model"]), int(yaml.safe_load(model.read_text())["jobQueueSize"])


def record(path: Path, times: PhotoTimes, measured: Measured) -> None:
    """Write what `read_times` and `read_measured` read."""
    write_whole(path, json.dumps({"times": asdict(times), "run": asdict(measured)}) + "\n")


def read_times(path: Path) -> PhotoTimes:
    """Raise `ValueError` for a file that `loadtest --json` did not write."""
    return PhotoTimes(**_part(path, "times"))


def read_measured(path: Path) -> Measured:
    """Raise `ValueError` for a file that `loadtest --json` did not write."""
    return Measured(**_part(path, "run"))


def _part(path: Path, name: str) -> dict[str, Any]:
    try:
        part: dict[str, Any] = json.loads(path.read_text())[name]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: holds no {name}, which python -m scripts.loadtest --json writes") from error
    return part
