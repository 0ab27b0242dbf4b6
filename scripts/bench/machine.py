"""This machine, as far as figures depend on it."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import torch

from handler.module_info import FORMS
from handler.precision import offered
from scripts.bench.isa import held_down, instruction_sets
from scripts.serving.machine import usable_cores

_PEERS = ("onnxruntime", "openvino", "nncf")


@dataclass(frozen=True)
class Machine:
    """What figures were measured on."""

    cpu: str
    gpu: str  # empty without one, or where torch has no CUDA
    cores: int  # that this process may use
    instruction_sets: list[str]  # of `scripts.bench.isa.SETS`, whether used or not
    held_down: dict[str, str]  # variable -> limit, as in `scripts.bench.isa.LIMITS`
    precisions: list[str]  # that the archive is served in here, the one taken last
    versions: dict[str, str]


def this_machine(peers: Path) -> Machine:
    """Look around; `peers` is the folder of the venv that has the other engines, if there is one."""
    return Machine(
        cpu=_cpu(),
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else "",
        cores=usable_cores(),
        instruction_sets=instruction_sets(),
        held_down=held_down(),
        precisions=offered("cpu", FORMS),
        versions={"Python": platform.python_version(), "torch": str(torch.__version__), **dict(_installed(peers))},
    )


def _cpu() -> str:
    """Return the name that Linux knows, which arm64 has none for, or the next best."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or str(torch.cpu.get_capabilities().get("cpu_name") or platform.machine())


def _installed(venv: Path) -> Iterator[tuple[str, str]]:
    """Name and version of those of the other engines that a venv has."""
    folders = [str(folder) for folder in venv.glob("lib/python*/site-packages")]
    for distribution in distributions(path=folders):
        if distribution.metadata["Name"] in _PEERS:
            yield distribution.metadata["Name"], distribution.version
