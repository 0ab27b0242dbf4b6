"""What the network computes in: settled when a worker loads, from what its CPU or GPU has.

Nothing is emulated. Integer arithmetic is tried instead of believed by name: whether 8-bit sums are
exact depends on the CPU, on oneDNN's kernels, and on `ONEDNN_MAX_CPU_ISA`, which holds both down.
"""

import os
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import torch

from handler.module_info import WEIGHT_TOPS
from handler.onednn import convolve_bytes, pack_bytes

AUTO = "auto"
# oneDNN's names of the instruction sets below AVX2, AVX-512 and bf16
_BELOW_AVX2 = {"SSE41", "AVX"}
_BELOW_AVX512 = _BELOW_AVX2 | {"AVX2", "AVX2_VNNI", "AVX2_VNNI_2"}
_BELOW_BF16 = _BELOW_AVX512 | {"AVX512_CORE", "AVX512_CORE_VNNI"}


class Precision(NamedTuple):
    """One way to compute."""

    form: str  # of the module, as in `handler.module_info.FORMS`
    dtype: torch.dtype  # of the maps that are not uint8
    fits: Callable[[str], bool]  # whether a device computes so


def offered(device: str, forms: Collection[str]) -> list[str]:
    """Names of what `device` (`cpu` or `cuda:N`) computes in with modules of `forms`, the fastest last."""
    names = [name for name, precision in PRECISIONS.items() if precision.form in forms and precision.fits(device)]
    # on arm64 oneDNN's integer convolutions are right, but reference code; fp32 has kernels of its own
    return sorted(names, key=lambda name: name == "fp32") if device == "cpu" and _is_arm() else names


def settle(asked: str, names: list[str]) -> str:
    """Return the one of `names`, the fastest last, to compute in; `int8` stands for the fastest in integers.

    Raises `ValueError` that names what there is when `asked` is not among them.
    """
    fitting = [name for name in names if asked in (AUTO, name, name.partition("-")[0])]
    if not fitting:
        raise ValueError(f"precision: must be {AUTO} or one of {', '.join(names)} here, got {asked}")
    return fitting[-1]


def device_of(gpu: int | None) -> str:
    """Return the device of a worker that TorchServe gave this GPU, or none."""
    return f"cuda:{gpu}" if gpu is not None and torch.cuda.is_available() else "cpu"


def natively_bf16() -> bool:
    """Whether this CPU multiplies in bf16, and oneDNN may have it do so; on arm64 oneDNN has reference code only."""
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16")) and _isa() not in _BELOW_BF16


def prefers_plain(device: str) -> bool:
    """Whether small maps are convolved better in a plain layout than channels last: on AVX2.

    oneDNN's channels-last kernels for it want the weights packed anew for each size of map and number of threads,
    which takes up to ten times as long as the convolution, and add up in an order that depends on both.
    """
    has = torch.cpu.get_capabilities()
    wide = bool(has.get("avx512_f")) and _isa() not in _BELOW_AVX512
    return device == "cpu" and not _is_arm() and not wide


def sums_exactly(top: int) -> bool:
    """Whether the brightest map times weights of `top` comes out right: some CPUs saturate on the way."""
    channels, taps = 64, 9
    maps = torch.full((1, channels, 8, 8), 255, dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    weight = torch.full((16, channels, 3, 3), top, dtype=torch.int8)
    scale, zero = torch.ones(16), torch.zeros(16, dtype=torch.int32)
    packed = pack_bytes(weight, scale, 0, [0, 0], [1, 1], 1)
    sums = convolve_bytes(maps, 0, packed, scale, zero, None, [0, 0], [1, 1], 1, torch.float32, "none")
    return bool((sums == 255 * top * channels * taps).all())


def _is_gpu(device: str) -> bool:
    return device != "cpu"


def _has_bf16(device: str) -> bool:
    return device == "cpu" and natively_bf16()


def _has_integers(form: str) -> Callable[[str], bool]:
    return lambda device: device == "cpu" and _multiplies_bytes() and sums_exactly(WEIGHT_TOPS[form])


PRECISIONS: Mapping[str, Precision] = {
    "fp32": Precision("float", torch.float32, lambda _: True),
    "fp16": Precision("float", torch.float16, _is_gpu),
    "bf16": Precision("float", torch.bfloat16, _has_bf16),
    "int8-w7": Precision("int8-w7", torch.float32, _has_integers("int8-w7")),
    "int8": Precision("int8", torch.float32, _has_integers("int8")),
}
"""The slowest first."""


def _multiplies_bytes() -> bool:
    """Whether there are instructions for products of bytes; without them oneDNN is exact, and slow."""
    has = torch.cpu.get_capabilities()
    return bool(has.get("dot") if _is_arm() else has.get("avx2")) and _isa() not in _BELOW_AVX2


def _is_arm() -> bool:
    return torch.cpu.get_capabilities().get("architecture") == "arm64"


def _isa() -> str:
    """Return the instruction set that oneDNN is held down to; empty where it is not."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
