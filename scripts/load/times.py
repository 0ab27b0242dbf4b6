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


@dataclass(frozen=True)
class PhotoTimes:
    """Seconds of photos at a server that has nothing waiting."""

    workers: int
    places: int  # of its queue
    alone: Sequence[float]  # one after another
    together: Sequence[float]  # as many at once as there are workers

    @property
    def gain(self) -> float:
        """How much sooner a photo is drawn that has the threads of all workers."""
        return max(1.0, statistics.mean(self.together) / statistics.mean(self.alone))

    @property
    def capacity(self) -> float:
        """Photos a second that the node draws at most."""
        return self.workers / statistics.mean(self.together)

    def on(self, cores: int, speed: float) -> "PhotoTimes":
        """Return the times of a node with so many cores, a worker for each, `speed` times as fast.

        The queue promises the same wait, so it grows with what the node draws: scripts/serving/promise.py.
        """
        grown = cores * speed / self.workers
        together = [seconds / speed for seconds in self.together]
        alone = [seconds / speed for seconds in self.alone]
        return PhotoTimes(cores, max(1, round(self.places * grown)), alone, together)


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
