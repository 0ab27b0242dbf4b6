"""What comes before and after the network, on one core: docs/astronaut.jpg at two sizes, drawn at 1024."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2

from handler.inference import load
from handler.options import Options
from handler.pipeline import Pipeline
from handler.postprocess import encode
from handler.request import Request
from handler.settings import Settings
from scripts.bench.inputs import Inputs
from scripts.serving.paths import SAMPLE

MEGAPIXELS = (0.5, 12.0)
_OPTIONS = Options(style="draw", size=1024)


def measure_overhead(inputs: Inputs, rounds: int) -> list[dict[str, Any]]:
    """Median milliseconds of each step, a row for each of `MEGAPIXELS`."""
    pipeline = Pipeline(load(inputs.folder, precision="fp32"), Settings())
    with _one_core():
        return [_measure(pipeline, megapixels, rounds) for megapixels in MEGAPIXELS]


def _measure(pipeline: Pipeline, megapixels: float, rounds: int) -> dict[str, Any]:
    request = Request(_jpeg(megapixels), _OPTIONS)
    job = pipeline.prepare(request)
    [lines] = pipeline.lines([job])
    picture = pipeline.picture(job, lines)
    return {
        "megapixels": megapixels,
        "decode_and_frame_ms": _median_ms(lambda: pipeline.prepare(request), rounds),
        "enlarge_ms": _median_ms(lambda: pipeline.picture(job, lines), rounds),
        "encode_ms": _median_ms(lambda: encode(picture, _OPTIONS.format), rounds),
    }


def _median_ms(step: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        step()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken[1:])


def _jpeg(megapixels: float) -> bytes:
    photo = cv2.imread(str(SAMPLE))
    if photo is None:
        raise RuntimeError(f"{SAMPLE} is missing: it is what decoding is timed on")
    scale = (megapixels * 1e6 / (photo.shape[0] * photo.shape[1])) ** 0.5
    return cv2.imencode(".jpg", cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))[1].tobytes()


@contextmanager
def _one_core() -> Iterator[None]:
    usual = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(usual)
