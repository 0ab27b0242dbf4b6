"""The one class that TorchServe loads: a batch of requests in, their pictures out."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ts.utils.util import PredictionException

from handler.answer import Answer, portrait, refusal
from handler.arrays import LineMap
from handler.cores import Cores
from handler.describe import describe
from handler.errors import RequestError
from handler.inference import load
from handler.metrics import Tally
from handler.precision import device_of
from handler.preprocess import Job, prepare
from handler.request import parse_request
from handler.settings import parse_settings

Row = Mapping[str, Any]
Headers = Mapping[str, Any]


class PortraitHandler:
    """Photo to drawing, for TorchServe.

    Each row becomes a job or an error and each of these an answer, so that a bad row never
    touches its neighbours.
    """

    def initialize(self, context: Any) -> None:
        """Load the archive's network, once in a worker's life.

        Raises `ValueError` when the settings are wrong or ask for what is not here: the worker does not start.
        """
        properties = context.system_properties
        self.settings = parse_settings((context.model_yaml_config or {}).get("handler") or {}, os.environ)
        folder = Path(properties["model_dir"])
        device = device_of(properties.get("gpu_id"))
        self.drawer = load(folder, device, self.settings.precision, self.settings.threads)
        self.cores = Cores(folder / "at-work", torch.get_num_threads())
        self.initialized = True

    def handle(self, data: Sequence[Row], context: Any) -> list[Any]:
        """One row for each request -> one body for each; status and headers go to `context`.

        Raises `PredictionException` for a bad request that came alone over gRPC, which knows no
        other way to say so.
        """
        headers = [context.get_all_request_header(i) for i in range(len(data))]
        if _asks_for_description(headers[0]):
            return [self.describe_handle()]
        with self.cores.at_work(), Tally(context.metrics, len(data)) as tally:
            answers = self._answers(data, headers, tally)
        for i, answer in enumerate(answers):
            _announce(answer, i, context)
        return [answer.body for answer in answers]

    def preprocess(self, data: Sequence[Row], headers: Sequence[Headers]) -> list[Job | RequestError]:
        """Rows and their headers -> decoded, framed photos, or what is wrong with them."""
        return [self._job(row, names) for row, names in zip(data, headers, strict=True)]

    def inference(self, jobs: Sequence[Job]) -> list[LineMap]:
        """Jobs -> the network's line maps, float32 (h, w), 0 ink and 1 paper."""
        torch.set_num_threads(self.cores.share())
        return self.drawer.draw_lines([job.network_input for job in jobs])

    def postprocess(self, jobs: Sequence[Job], lines: Sequence[LineMap]) -> list[Answer]:
        """Jobs and their line maps -> encoded pictures with the headers that tell about them."""
        weights, precision = self.drawer.info.label, self.drawer.precision
        return [portrait(job, line_map, weights, precision) for job, line_map in zip(jobs, lines, strict=True)]

    def describe_handle(self) -> dict[str, Any]:
        """What this model offers, for `GET /models/portrait?customized=true`."""
        return describe(self.drawer, self.settings)

    def _answers(self, data: Sequence[Row], headers: Sequence[Headers], tally: Tally) -> list[Answer]:
        with tally.stage("preprocess"):
            jobs = self.preprocess(data, headers)
        tally.refused([job for job in jobs if isinstance(job, RequestError)])
        _raise_over_grpc(jobs, headers)
        pictures = iter(self._pictures([job for job in jobs if isinstance(job, Job)], tally))
        return [next(pictures) if isinstance(job, Job) else refusal(job) for job in jobs]

    def _pictures(self, jobs: Sequence[Job], tally: Tally) -> list[Answer]:
        if not jobs:
            return []
        with tally.stage("inference"):
            lines = self.inference(jobs)
        with tally.stage("postprocess"):
            pictures = self.postprocess(jobs, lines)
        tally.drawn(jobs)
        return pictures

    def _job(self, row: Row, headers: Headers) -> Job | RequestError:
        try:
            return prepare(parse_request(row, headers), self.settings.limits)
        except RequestError as error:
            return error


def _asks_for_description(headers: Headers) -> bool:
    # a client's own `describe` header comes with `url_path`, the management API's without
    return headers.get("describe") == "True" and "url_path" not in headers


def _raise_over_grpc(jobs: Sequence[Job | RequestError], headers: Sequence[Headers]) -> None:
    """A status set on `context` never reaches gRPC; an exception does, but fails a whole batch."""
    match jobs:
        case [RequestError() as error] if not _came_over_rest(headers[0]):
            raise PredictionException(error.message, int(error.status))


def _came_over_rest(headers: Headers) -> bool:
    # TorchServe hands no gRPC metadata on, and every HTTP request has a Host header at least
    return any(isinstance(value, str) for value in headers.values())


def _announce(answer: Answer, index: int, context: Any) -> None:
    context.set_response_status(int(answer.status), answer.status.phrase, index)
    for name, value in answer.headers.items():
        context.set_response_header(index, name, value)
