"""The one reader of TorchServe's management API.

https://docs.pytorch.org/serve/management_api.html#describe-model has the fields. Its /ping says Healthy while the
model loads and while workers crash, so whether photos are taken is asked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from scripts.serving.keys import key_of
from scripts.serving.loopback import get
from scripts.serving.settings import MODEL, read_properties


class ManagementError(Exception):
    """The management API did not say what was asked; the message tells why."""


@dataclass(frozen=True)
class Worker:
    """One process that draws."""

    pid: int
    status: str  # READY, UNLOADING and others: org.pytorch.serve.wlm.WorkerState

    @property
    def is_ready(self) -> bool:
        """Whether it takes photos."""
        return self.status == "READY"


@dataclass(frozen=True)
class ServedModel:
    """The model as one server has it."""

    version: str
    batch_size: int
    workers: tuple[Worker, ...]


def describe(folder: Path) -> ServedModel:
    """Return what the server that runs from `folder` says of its model.

    Raises `ManagementError` when it does not say it.
    """
    try:
        settings = read_properties(folder / "config.properties")
        answer = get(f"{settings['management_address']}/models/{MODEL}", _key_header(folder, settings))
        answer.raise_for_status()
        return _model(answer.json()[0])
    except (OSError, httpx2.HTTPError, ValueError, LookupError, TypeError) as error:
        raise ManagementError(f"{type(error).__name__}: {error}") from error


def _key_header(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    asked = settings["disable_token_authorization"] == "false"
    return {"Authorization": f"Bearer {key_of(folder, 'management')}"} if asked else {}


def _model(told: Mapping[str, Any]) -> ServedModel:
    workers = tuple(Worker(int(worker["pid"]), str(worker["status"])) for worker in told["workers"])
    return ServedModel(str(told["modelVersion"]), int(told["batchSize"]), workers)
