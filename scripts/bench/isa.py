"""Which instruction sets engines may use: all that the CPU has, or fewer by `--isa`.

oneDNN, which torch and OpenVINO bring along, and torch's own kernels take a limit from variables that a process
has to be started with. ONNX Runtime's kernels take none.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

import torch

NATIVE = "native"
SETS = (
    *("avx2", "avx_vnni", "avx512_f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16", "amx_fp16"),
    *("dot", "bf16", "i8mm", "sve"),
)
"""What matters to a convolution, on x86-64 and on arm64, as torch names it."""


class Limit(NamedTuple):
    """What `--isa` can hold engines down to."""

    sets: frozenset[str]  # of `SETS`: what the CPU must have, and all that is used
    variables: Mapping[str, str]


LIMITS = {
    "avx2": Limit(frozenset({"avx2"}), {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}),
    "avx512": Limit(
        frozenset({"avx2", "avx512_f"}), {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "ATEN_CPU_CAPABILITY": "avx512"}
    ),
}
VARIABLES = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")


def variables(name: str) -> dict[str, str]:
    """Return what a process has to be started with to be held down to `name`; nothing for `native`.

    Raises `ValueError` when the CPU has no such instructions.
    """
    if name == NATIVE:
        return {}
    limit, here = LIMITS[name], instruction_sets()
    if not limit.sets <= set(here):
        raise ValueError(f"--isa {name}: of what matters this CPU has only {', '.join(here) or 'nothing'}")
    return dict(limit.variables)


def instruction_sets() -> list[str]:
    """Those of `SETS` that the CPU has, held down or not."""
    has = torch.cpu.get_capabilities()
    return [name for name in SETS if has.get(name)]


def held_down() -> dict[str, str]:
    """Return the limits that this process, and those that it starts, were started with."""
    return {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}


def is_exceeded() -> bool:
    """Whether an engine that takes no limit would use more than others: true also for limits not known here."""
    asked = held_down().get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    if asked in ("ALL", "DEFAULT"):
        return False
    known = [limit.sets for limit in LIMITS.values() if limit.variables["ONEDNN_MAX_CPU_ISA"] == asked]
    return not set(instruction_sets()) <= set().union(*known)
