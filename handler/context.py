"""What the handler uses of TorchServe's context; apart from the entry, in which TorchServe takes one class only."""

from collections.abc import Mapping
from typing import Any, Protocol, TypedDict

from handler.metrics import Store
from handler.request import Headers


class Properties(TypedDict):
    """What is used of a worker's properties."""

    model_dir: str  # the unpacked archive
    gpu_id: int | None


class Context(Protocol):
    """What is used of `ts.context.Context`."""

    @property
    def system_properties(self) -> Properties:
        """The worker's own."""

    @property
    def model_yaml_config(self) -> Mapping[str, Any] | None:
        """The archive's `model-config.yaml`."""

    @property
    def metrics(self) -> Store:
        """Where metrics go."""

    def get_request_id(self, idx: int) -> str | None:
        """Return TorchServe's own id of a row, which its answer has in `x-request-id`."""

    def get_all_request_header(self, idx: int) -> Headers:
        """Return the headers that came with a row; beside them the content type of each multipart part."""

    def set_response_status(self, code: int, phrase: str, idx: int) -> None:
        """Set the status that a row is answered with, over REST."""

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Set a header of a row's answer, over REST."""
