"""The network, its weights, and the module that the archive carries; never part of a worker."""

from typing import TYPE_CHECKING, Any

from model.weights.errors import WeightsError

if TYPE_CHECKING:
    from model.weights.loading import load_network

__all__ = ["WeightsError", "load_network"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import; fetching weights, which must fail in time, does without it
    if name == "load_network":
        from model.weights.loading import load_network

        return load_network
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
