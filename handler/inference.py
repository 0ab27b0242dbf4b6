"""Network inputs -> line maps: the exported TorchScript on this machine's CPU or GPU.

The module brings its own normalisation; what is settled here is where and in which floating type
it computes, and what is stacked into one batch.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from handler.styles import LineMap, Photo

_INFO_FILE = "portrait.json"
# int8: the type of the few maps that are not
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}


@dataclass(frozen=True)
class ModuleInfo:
    """What an exported module says of itself."""

    weights: str  # their name
    sha256: str  # of the weights' file, 64 hex digits
    network: str  # u2net or u2netp
    precision: str  # as exported: float or int8
    torch: str  # the version that wrote it

    @property
    def label(self) -> str:
        """Name and first 12 hex digits of the weights, as `Portrait-Weights` has them."""
        return f"{self.weights} {self.sha256[:12]}"


class LineDrawer:
    """A loaded module; made by `load`."""

    def __init__(self, module: torch.jit.ScriptModule, info: ModuleInfo, precision: str) -> None:
        self._module = module
        self.info = info
        self.precision = precision  # what it computes in: fp32, bf16, fp16 or int8
        self.device = module.mean.device

    def draw_lines(self, inputs: Sequence[Photo]) -> list[LineMap]:
        """uint8 (H, W, 3) RGB, H and W from 32 -> float32 (H, W) in [0, 1], 0 ink and 1 paper.

        Inputs may differ in size. A CPU takes them one by one, for a batch is no faster there and
        would need its memory; a GPU takes those of one size together.
        """
        maps: dict[int, LineMap] = {}
        for group in self._groups(inputs):
            photos = np.stack([inputs[i] for i in group])
            maps.update(zip(group, self._draw(photos), strict=True))
        return [maps[i] for i in range(len(inputs))]

    def _groups(self, inputs: Sequence[Photo]) -> list[list[int]]:
        if self.device.type == "cpu":
            return [[i] for i in range(len(inputs))]
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for i, photo in enumerate(inputs):
            by_shape.setdefault(photo.shape, []).append(i)
        return list(by_shape.values())

    def _draw(self, photos: np.typing.NDArray[np.uint8]) -> LineMap:
        # the optimizer of TorchScript finds nothing here and makes the first two photos slow
        with torch.inference_mode(), torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            batch = torch.from_numpy(photos).to(self.device).permute(0, 3, 1, 2)
            lines: LineMap = self._module(batch).cpu().numpy()
        return lines


def load(path: Path, device: str = "cpu", precision: str = "auto", threads: int = 0) -> LineDrawer:
    """Load an exported module and settle how it computes.

    `precision` is `auto`, or for a float module `fp32`, `bf16` or, on a GPU, `fp16`; `auto` takes
    the fastest that the device has in hardware. `threads` is torch's number for the whole process,
    which a worker shares with others later; 0 leaves what torch has. Raises `ValueError` for a
    precision that module or device have not.
    """
    if threads:
        torch.set_num_threads(threads)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        extra = {_INFO_FILE: ""}
        module = torch.jit.load(path, map_location=device, _extra_files=extra)
    info = ModuleInfo(**json.loads(extra[_INFO_FILE]))
    settled = settle(precision, info.precision, device)
    module.prepare(_TYPES[settled])
    return LineDrawer(module, info, settled)


def settle(asked: str, exported: str, device: str) -> str:
    """The precision to compute in. Raises `ValueError` when `asked` cannot be had."""
    offered = integer(device) if exported == "int8" else floating(device)
    if not offered:
        raise ValueError("precision: this archive is int8, which only CPUs with VNNI compute in; build one for fp32")
    if asked == "auto":
        return offered[-1]
    if asked not in offered:
        raise ValueError(f"precision: must be auto or one of {', '.join(offered)} here, got {asked}")
    return asked


def floating(device: str) -> tuple[str, ...]:
    """What a float module computes in on `device`, never emulated, the fastest last."""
    if device != "cpu":
        return ("fp32", "fp16")
    has = torch.cpu.get_capabilities()
    return ("fp32", "bf16") if has.get("avx512_bf16") or has.get("amx_bf16") else ("fp32",)


def integer(device: str) -> tuple[str, ...]:
    """What an int8 module computes in on `device`: int8, or nothing."""
    has = torch.cpu.get_capabilities() if device == "cpu" else {}
    return ("int8",) if has.get("avx512_vnni") or has.get("avx_vnni") else ()
