"""Draws a few photos before a server starts: whether this machine draws what was asked for, and how long that takes."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from scripts.serving.errors import SetupError
from scripts.serving.machine import worker_environment
from scripts.serving.paths import PYTHON, ROOT

# What is promised to all who wait has to hold for the dearest of what is usual: a phone's photo of 12 megapixels in the
# dearest style, with the network's largest input. The sample photo, which takes half of that, promised too much.
PHONE = 4000, 3000  # pixels
DEAREST = {"style": "composite", "line": "fine"}
PHOTOS, ENOUGH_SECONDS = 3, 3.0


def seconds_of_a_photo(archive: Path, precision: str, threads: int) -> float:
    """Return how long a dear photo takes that has the machine to itself, once a worker is warm.

    The archive's own handler draws it, in a process of its own, which alone loads torch. Raises `SetupError` that
    names what there is when `archive` cannot be served in `precision` here.
    """
    command = [str(PYTHON), "-m", "scripts.serving.trial", str(archive)]
    environment = {**os.environ, **worker_environment(threads), "PORTRAIT_PRECISION": precision}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SetupError((done.stderr.strip().splitlines() or ["the archive does not draw here"])[-1])
    return float(done.stdout)


def main() -> int:
    """Print the seconds of a photo; status 1 and one line when the archive does not draw here as asked."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(sys.argv[1]) as entries:
            entries.extractall(folder)
        sys.path.insert(0, folder)  # its own handler, as a worker runs it: an image has no other
        try:
            print(statistics.median(_times(Path(folder))))
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def _times(folder: Path) -> list[float]:
    """Seconds of up to `PHOTOS` photos after a first; fewer where they take long."""
    import cv2
    import numpy as np
    import torch
    import yaml

    from handler.cores import THREADS
    from handler.pipeline import load_pipeline
    from handler.precision import device_of

    config = yaml.safe_load((folder / "model-config.yaml").read_text())
    pipeline = load_pipeline(folder, config, os.environ, device_of(0 if torch.cuda.is_available() else None))
    torch.set_num_threads(next(number for number in THREADS if number <= torch.get_num_threads()))
    # noise: nothing of it is quicker than in a photo
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    photo = cv2.imencode(".jpg", cv2.resize(pixels, PHONE))[1].tobytes()
    pipeline.draw_one(photo, DEAREST)
    taken: list[float] = []
    while len(taken) < PHOTOS and sum(taken) < ENOUGH_SECONDS:
        began = time.perf_counter()
        pipeline.draw_one(photo, DEAREST)
        taken.append(time.perf_counter() - began)
    return taken


if __name__ == "__main__":
    sys.exit(main())
