"""The operator's settings: the `handler` section of `model-config.yaml`, checked once."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from handler.decode import Limits
from handler.precision import AUTO

PRECISION_VARIABLE = "PORTRAIT_PRECISION"


@dataclass(frozen=True)
class Settings:
    """What the operator sets for every worker."""

    megabytes: float = 20  # of one photo
    megapixels: float = 65  # of one photo, as decoded
    jpeg_megapixels: float = 220  # of a JPEG as it states them; it is decoded smaller
    threads: int = 0  # shared by the workers that draw; 0: OMP_NUM_THREADS, else the cores
    memory_megabytes: float = 1000  # that a worker may hold beyond what it loads with, once it has answered
    precision: str = AUTO  # what the network computes in; set for one start, by `PORTRAIT_PRECISION`

    @property
    def limits(self) -> Limits:
        """The largest photo that is taken."""
        return Limits(self.megabytes, self.megapixels, self.jpeg_megapixels)


def parse_settings(config: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Parse the mapping under `handler:` and the process's variables.

    Raises `ValueError` for a key that is none or a value out of its range: a worker must not
    start with less than its operator asked for.
    """
    known = [field.name for field in fields(Settings) if field.name != "precision"]
    for name, value in config.items():
        if name not in known:
            raise ValueError(f"handler.{name}: no such setting; there are {', '.join(known)}")
        if not _is_amount(value):
            raise ValueError(f"handler.{name}: must be a number from 0, got {value!r}")
    return Settings(**config, precision=environment.get(PRECISION_VARIABLE) or AUTO)


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
