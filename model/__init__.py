"""The network, its weights, and the module that the archive carries; never part of a worker."""

from model.errors import WeightsError
from model.loading import load_network

__all__ = ["WeightsError", "load_network"]
