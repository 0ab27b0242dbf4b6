"""The one class that TorchServe loads: a batch of requests in, their pictures out. TorchServe's quirks end here."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from ts.protocol import otf_message_handler
from ts.utils.util import PredictionException

from handler.abandoned import has_left
from handler.answer import Answer, refusal
from handler.context import Context
from handler.cores import Cores
from handler.describe import describe
from handler.errors import RequestError
from handler.memory import Budget
from handler.message import Connection, read_requests
from handler.metrics import Tally
from handler.pipeline import load_pipeline
from handler.precision import device_of
from handler.request import Headers, Row
from handler.request_log import line, request_id

logger = logging.getLogger(__name__)

GONE = RequestError(HTTPStatus.REQUEST_TIMEOUT, "the client has left, so its photo was not drawn")


class PortraitHandler:
    """Photo to drawing, for TorchServe."""

    def initialize(self, context: Context) -> None:
        """Load the archive's network and its models of person and faces, once in a worker's life.

        Raises `ValueError` when the settings are wrong or ask for what is not here: the worker does not start.
        """
        properties = context.system_properties
        folder, device = Path(properties["model_dir"]), device_of(properties.get("gpu_id"))
        pipeline = load_pipeline(folder, context.model_yaml_config, os.environ, device)
        # a lock file for each worker that draws, in the folder that they were all unpacked to
        self.cores = Cores(folder / "at-work", torch.get_num_threads())
        self.pipeline = replace(pipeline, threads=lambda: self.cores.share())
        _read_within_bounds(Budget(pipeline.settings.memory_megabytes))
        logging.getLogger("ts.service").addFilter(_quotes_no_client)
        self.initialized = True

    def handle(self, data: Sequence[Row], context: Context) -> list[Any]:
        """One row for each request -> one body for each; status and headers go to `context`.

        Raises `PredictionException` for a bad request that came alone over gRPC, which knows no
        other way to say so.
        """
        headers = [context.get_all_request_header(i) for i in range(len(data))]
        if _asks_for_description(headers[0]):
            return [self.describe_handle()]
        outcomes: Sequence[Answer | RequestError] = []
        tally = Tally(context.metrics, len(data), self.cores.workers())
        try:
            with self.cores.at_work(), tally:
                outcomes = self._draw(data, headers, tally)
        finally:
            # also when drawing failed: a request without a line in the log never came, as far as an operator can see
            for i, (row, outcome) in enumerate(zip_longest(data, outcomes)):
                logger.info(line(_name(i, context), row, outcome, tally.seconds))
        _raise_over_grpc(outcomes, headers)
        answers = [refusal(outcome) if isinstance(outcome, RequestError) else outcome for outcome in outcomes]
        for i, answer in enumerate(answers):
            _announce(answer, i, context)
        return [answer.body for answer in answers]

    def _draw(self, data: Sequence[Row], headers: Sequence[Headers], tally: Tally) -> list[Answer | RequestError]:
        """Draw what somebody still waits for."""
        left = [has_left(names) for names in headers]
        # the rule, and nothing is copied for it
        if not any(left):
            return self.pipeline.draw_batch(data, headers, tally)
        tally.refused([GONE] * sum(left))
        waiting = [i for i, gone in enumerate(left) if not gone]
        drawn = iter(self.pipeline.draw_batch([data[i] for i in waiting], [headers[i] for i in waiting], tally))
        return [GONE if gone else next(drawn) for gone in left]

    def describe_handle(self) -> dict[str, Any]:
        """Return what this model offers, for `GET /models/portrait?customized=true`."""
        return describe(self.pipeline.drawer, self.pipeline.finders, self.pipeline.settings)


def _quotes_no_client(record: logging.LogRecord) -> bool:
    """Whether TorchServe may log it: not what was raised for gRPC, whose message quotes the request."""
    return not (record.exc_info and isinstance(record.exc_info[1], PredictionException))


def _read_within_bounds(budget: Budget) -> None:
    """Have this worker read its requests by `read_requests`, and end before one where it holds too much memory.

    The first byte of a message is asked for when the answer before it has been sent. TorchServe starts a fresh worker.
    """
    receive = otf_message_handler._retrieve_buffer  # noqa: SLF001  TorchServe 0.12, its last version, has no other way

    def receive_within_budget(connection: Connection, length: int) -> bytearray:
        if not budget.is_kept():
            raise SystemExit(0)
        return receive(connection, length)

    otf_message_handler._retrieve_buffer = receive_within_budget  # noqa: SLF001
    otf_message_handler._retrieve_inference_msg = read_requests  # noqa: SLF001


def _asks_for_description(headers: Headers) -> bool:
    # a client's own `describe` header comes with `url_path`, the management API's without
    return headers.get("describe") == "True" and "url_path" not in headers


def _raise_over_grpc(outcomes: Sequence[Answer | RequestError], headers: Sequence[Headers]) -> None:
    """Raise what came over gRPC: a status set on `context` never reaches it, an exception does, and fails the batch."""
    match outcomes:
        case [RequestError() as error] if not _came_over_rest(headers[0]):
            raise PredictionException(error.message, int(error.status))


def _came_over_rest(headers: Headers) -> bool:
    # TorchServe hands no gRPC metadata on, and every HTTP request has a Host header at least
    return any(isinstance(value, str) for value in headers.values())


def _name(index: int, context: Context) -> str:
    return request_id(context.get_all_request_header(index), context.get_request_id(index) or "")


def _came_from_another_origin(headers: Headers) -> bool:
    return any(name.lower() == "origin" for name in headers)


def _announce(answer: Answer, index: int, context: Context) -> None:
    context.set_response_status(int(answer.status), answer.status.phrase, index)
    for name, value in answer.headers.items():
        context.set_response_header(index, name, value)
    if _came_from_another_origin(context.get_all_request_header(index)):
        # what a script of such a page may read; whether it may ask is TorchServe's setting, or the proxy's
        context.set_response_header(index, "Access-Control-Expose-Headers", "*")
