"""What operators see of the handler: its metrics in one table, and their recording.

`metrics.yaml` beside this file declares the same to TorchServe, which drops a metric that is not declared there.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple, Protocol

from ts.metrics.dimension import Dimension
from ts.metrics.metric_type_enum import MetricTypes

from handler.errors import RequestError
from handler.preprocess import Job

logger = logging.getLogger(__name__)


class Metric(NamedTuple):
    """One metric; TorchServe adds the labels ModelName, Level and Hostname to those given here."""

    kind: MetricTypes
    unit: str
    labels: tuple[str, ...]
    meaning: str


# Buckets of a histogram end at 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, ... 7.5 and 10, whatever it counts:
# TorchServe has no others. Units are chosen to fit.
METRICS = {
    "portrait_requests_total": Metric(
        MetricTypes.COUNTER, "count", ("style", "outcome", "status"), "requests that reached a worker"
    ),
    "portrait_stage_seconds": Metric(
        MetricTypes.HISTOGRAM, "s", ("stage",), "time that a batch took in one stage of the handler"
    ),
    "portrait_picture_megapixels": Metric(
        MetricTypes.HISTOGRAM, "megapixels", ("style",), "size of a picture that was drawn"
    ),
    "portrait_workers": Metric(
        MetricTypes.GAUGE, "count", (), "workers that are ready, as the one that drew last found them"
    ),
    "portrait_faces": Metric(
        MetricTypes.HISTOGRAM, "count", (), "faces found in a photo, where `frame` asked to look for them"
    ),
}
STAGES = ("preprocess", "inference", "postprocess")
# A refused request has no style: it may have failed before one was known.
NO_STYLE = "none"


class Store(Protocol):
    """What is used of TorchServe's `context.metrics`."""

    def add_metric(
        self, name: str, value: float, unit: str, idx: int, dimensions: list[Dimension], metric_type: MetricTypes
    ) -> None:
        """Write one number to standard output, where TorchServe reads it."""


class Sample(NamedTuple):
    """One number for one metric, with the values of the metric's own labels."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


class Tally:
    """Notes what becomes of one batch, and records it when the `with` block is left, however it is.

    Rows that were neither drawn nor refused by then have failed.
    """

    def __init__(self, store: Store, rows: int, workers: int = 1) -> None:
        """`store` is TorchServe's `context.metrics`; `rows` is the size of the batch; `workers` are ready."""
        self._store = store
        self._unsettled = rows
        self._samples = [Sample("portrait_workers", workers)]

    def __enter__(self) -> "Tally":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # TorchServe answers 503 for the whole batch, or 507 when memory was short.
        self._count(NO_STYLE, "failed", "5xx", self._unsettled)
        record(self._store, self._samples)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one of `STAGES` for the batch, or a finder for one photo; what fails is not noted."""
        started = time.perf_counter()
        yield
        self._samples.append(Sample("portrait_stage_seconds", time.perf_counter() - started, (name,)))

    @property
    def seconds(self) -> dict[str, float]:
        """What each stage took so far."""
        return {one.labels[0]: one.value for one in self._samples if one.name == "portrait_stage_seconds"}

    def refused(self, errors: Sequence[RequestError]) -> None:
        """Count requests that the client has to change."""
        for error in errors:
            self._count(NO_STYLE, "refused", str(int(error.status)))

    def drawn(self, jobs: Iterable[Job]) -> None:
        """Count jobs whose pictures are made."""
        for job in jobs:
            style = job.options.style
            height, width = job.photo.shape[:2]
            self._count(style, "drawn", "200")
            self._samples.append(Sample("portrait_picture_megapixels", height * width / 1e6, (style,)))
            if job.faces is not None:
                self._samples.append(Sample("portrait_faces", job.faces))

    def _count(self, style: str, outcome: str, status: str, rows: int = 1) -> None:
        if rows:
            self._samples.append(Sample("portrait_requests_total", rows, (style, outcome, status)))
            self._unsettled -= rows


def record(store: Store, samples: Iterable[Sample]) -> None:
    """Hand samples to TorchServe, as lines on standard output; what goes wrong there fails no request."""
    try:
        for name, value, labels in samples:
            metric = METRICS[name]
            # A new list each time: TorchServe appends its own labels to it.
            dimensions = [Dimension(label, text) for label, text in zip(metric.labels, labels, strict=True)]
            store.add_metric(name, value, metric.unit, idx=0, dimensions=dimensions, metric_type=metric.kind)
    except Exception:
        logger.warning("metrics were not recorded", exc_info=True)
