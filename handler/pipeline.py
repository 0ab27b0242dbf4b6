"""Photos in, answers out, one at a time or a batch: the one place where the steps are put together.

A photo's way goes forward only: parse, prepare, draw, render, encode. Nothing here knows TorchServe.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from handler.answer import Answer, portrait
from handler.arrays import LineMap, Picture
from handler.errors import RequestError
from handler.finders import NO_FINDERS, Finders, load_finders
from handler.inference import LineDrawer, load
from handler.postprocess import render
from handler.preprocess import Job, prepare
from handler.request import Headers, Request, Row, parse_request
from handler.settings import Settings, parse_settings


class Watch(Protocol):
    """Somebody who is told what becomes of a batch, while it happens."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Around `preprocess`, `inference` and `postprocess` of the batch; in the first, around a photo's `faces`."""

    def refused(self, errors: Sequence[RequestError]) -> None:
        """Take note of the rows that are wrong."""

    def drawn(self, jobs: Sequence[Job]) -> None:
        """Take note of the rows whose pictures are made."""


class Unwatched:
    """Nobody."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Nothing around it."""
        return nullcontext()

    def refused(self, errors: Sequence[RequestError]) -> None:
        """Not told."""

    def drawn(self, jobs: Sequence[Job]) -> None:
        """Not told."""


@dataclass(frozen=True)
class Pipeline:
    """A drawer, the operator's settings, and what looks for people."""

    drawer: LineDrawer
    settings: Settings
    threads: Callable[[], int] | None = None  # asked before each drawing: how many it may take; None: what torch has
    finders: Finders = NO_FINDERS

    def draw_one(self, photo: bytes, fields: Mapping[str, str]) -> Answer:
        """Draw an encoded photo with options, names and values as in a form: the encoded picture with its headers.

        Raises `RequestError` for a photo or an option that is wrong.
        """
        (outcome,) = self.draw_batch([{"data": photo, **fields}], [{}])
        if isinstance(outcome, RequestError):
            raise outcome
        return outcome

    def draw_batch(
        self, rows: Sequence[Row], headers: Sequence[Headers], watch: Watch | None = None
    ) -> list[Answer | RequestError]:
        """Rows as `parse_request` takes them, and the headers of each -> a picture, or what is wrong, for each.

        A row that is wrong never touches its neighbours.
        """
        watch = watch or Unwatched()
        with watch.stage("preprocess"):
            jobs = [self._job_or_error(row, names, watch) for row, names in zip(rows, headers, strict=True)]
        watch.refused([job for job in jobs if isinstance(job, RequestError)])
        # only what is right goes on: the network sees no gap, and the order of the rows is put back at the end
        answers = iter(self._answers([job for job in jobs if isinstance(job, Job)], watch))
        return [next(answers) if isinstance(job, Job) else job for job in jobs]

    def draw_picture(self, request: Request) -> tuple[Job, Picture]:
        """Return a request's job and its picture, not encoded. Raises `RequestError` as `prepare` does."""
        job = self.prepare(request)
        (lines,) = self.lines([job])  # float32 (h, w), of the input that the network saw
        return job, self.picture(job, lines)

    def prepare(self, request: Request, watch: Watch | None = None) -> Job:
        """Decode, frame and size the photo. Raises `RequestError` as `handler.decode.decode` does."""
        sight = self.drawer.info.sight
        return prepare(request, self.settings.limits, self.finders, sight, (watch or Unwatched()).stage)

    def lines(self, jobs: Sequence[Job]) -> list[LineMap]:
        """Jobs -> the network's line maps, float32 (h, w) in [0, 1], 0 ink and 1 paper."""
        # for each drawing anew: workers share the cores with as many as draw at that moment
        if self.threads:
            torch.set_num_threads(self.threads())
        return self.drawer.draw_lines([job.network_input for job in jobs])

    def picture(self, job: Job, lines: LineMap) -> Picture:
        """Render a job and its line map: uint8 (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA at the photo's size."""
        return render(job.photo, lines, job.options, job.person, job.seen)

    def _job_or_error(self, row: Row, headers: Headers, watch: Watch) -> Job | RequestError:
        try:
            return self.prepare(parse_request(row, headers), watch)
        except RequestError as error:
            return error

    def _answers(self, jobs: Sequence[Job], watch: Watch) -> list[Answer]:
        if not jobs:
            return []
        with watch.stage("inference"):
            lines = self.lines(jobs)
        with watch.stage("postprocess"):
            answers = [self._answer(job, line_map) for job, line_map in zip(jobs, lines, strict=True)]
        watch.drawn(jobs)
        return answers

    def _answer(self, job: Job, lines: LineMap) -> Answer:
        return portrait(job, self.picture(job, lines), self.drawer.info.label, self.drawer.precision)


def load_pipeline(
    folder: Path, config: Mapping[str, Any] | None, environment: Mapping[str, str], device: str = "cpu"
) -> Pipeline:
    """Load what a worker draws with: the network of an unpacked archive, its finders, and its settings.

    `config` is the archive's whole `model-config.yaml`. Raises `ValueError` when a setting is wrong or asks for what
    archive or device lack.
    """
    settings = parse_settings((config or {}).get("handler") or {}, environment)
    drawer = load(folder, device, settings.precision, settings.threads)
    return Pipeline(drawer, settings, finders=load_finders(folder))
