"""The network, its weights, and the module that the archive carries; never part of a worker.

Law: imports `handler`, the contract of what is exported, and libraries. Its rooms lie in four layers: `network` and
`files`, then `weights`, then `quantization` and `training`, then `export`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.weights.errors import WeightsError
    from model.weights.loading import load_network

__all__ = ["WeightsError", "load_network"]

# torch takes seconds to import, and the image has of this package `files` alone: each name is looked up when used
_PLACES = {"WeightsError": "model.weights.errors", "load_network": "model.weights.loading"}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
