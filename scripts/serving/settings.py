"""config.properties -> the settings that one server runs with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model.files import write_whole
from scripts.serving.errors import SetupError

HOST = "127.0.0.1"
MODEL = "portrait"
VERSION = "1.0"  # of the model, where the build names no other: portrait_client.__version__ less its last part
# A batch is no faster on a CPU, and a GPU idles without one.
ON_CPU = {"batchSize": 1, "maxBatchDelay": 0}
ON_GPU = {"batchSize": 8, "maxBatchDelay": 20}
HIGHEST_OFFSET = 65535 - 9000


@dataclass(frozen=True)
class Ports:
    """The five ports of one server, where the names of its workers' sockets begin, and the page's port."""

    rest: int = 8080
    management: int = 8081
    metrics: int = 8082
    grpc: int = 7070
    grpc_management: int = 7071
    worker: int = 9000
    page: int = 8501

    @classmethod
    def at(cls, offset: int) -> "Ports":
        """All ports plus `offset`; raises `SetupError` where that leaves 1024 to 65535."""
        if not 1024 - cls.grpc <= offset <= HIGHEST_OFFSET:
            raise SetupError(f"--port-offset must be {1024 - cls.grpc} to {HIGHEST_OFFSET}, got {offset}")
        return cls(*(port + offset for port in (8080, 8081, 8082, 7070, 7071, 9000, 8501)))

    def listening(self) -> tuple[int, ...]:
        """Return the ports that a server listens on."""
        return self.rest, self.management, self.metrics, self.grpc, self.grpc_management


def read_properties(path: Path) -> dict[str, str]:
    """Key=value lines of a Java properties file; comments and blank lines are left out."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def settings_of_run(ports: Ports, workers: int, tokens: bool, model_store: Path, gpus: int = 0) -> dict[str, str]:
    """Return what one run changes in config.properties."""
    return {
        "number_of_gpu": str(gpus),
        "models": json.dumps({MODEL: {VERSION: ON_GPU if gpus else ON_CPU}}),
        "inference_address": f"http://{HOST}:{ports.rest}",
        "management_address": f"http://{HOST}:{ports.management}",
        "metrics_address": f"http://{HOST}:{ports.metrics}",
        "grpc_inference_port": str(ports.grpc),
        "grpc_management_port": str(ports.grpc_management),
        "initial_worker_port": str(ports.worker),
        "default_workers_per_model": str(workers),
        "disable_token_authorization": str(not tokens).lower(),
        "model_store": str(model_store),
    }


def cors_settings(origin: str) -> dict[str, str]:
    """Return what lets pages of `origin` call the server from browsers; nothing without one."""
    if not origin:
        return {}
    # for browsers, * stands for every header but Authorization
    headers = {"cors_allowed_methods": "POST, PUT", "cors_allowed_headers": "*, Authorization"}
    return {"cors_allowed_origin": origin, **headers}


def write_properties(settings: Mapping[str, str], path: Path) -> None:
    """Write properties, the reverse of `read_properties`; backslashes are escaped as Java wants them."""
    escaped = ((key, value.replace("\\", "\\\\")) for key, value in settings.items())
    write_whole(path, "".join(f"{key}={value}\n" for key, value in escaped))
