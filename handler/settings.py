"""The operator's settings: the `handler` section of `model-config.yaml`, checked once."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from handler.decode import Limits


@dataclass(frozen=True)
class Settings:
    """What the operator sets for every worker."""

    megabytes: float = 20  # of one photo
    megapixels: float = 50  # of one photo
    threads: int = 0  # shared by the workers that draw; 0: OMP_NUM_THREADS, else the cores
    precision: str = "auto"  # of a float archive: auto, fp32, bf16

    @property
    def limits(self) -> Limits:
        """The largest photo that is taken."""
        return Limits(self.megabytes, self.megapixels)


def parse_settings(config: Mapping[str, Any]) -> Settings:
    """The mapping under `handler:` -> settings.

    Raises `ValueError` for a key that is none or a value out of its range: a worker must not
    start with less than its operator asked for.
    """
    known = {field.name: type(field.default) for field in fields(Settings)}
    for name, value in config.items():
        if name not in known:
            raise ValueError(f"handler.{name}: no such setting; there are {', '.join(known)}")
        if not _fits(value, known[name]):
            raise ValueError(f"handler.{name}: got {value!r}")
    return Settings(**config)


def _fits(value: object, kind: type) -> bool:
    if kind is str:
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
