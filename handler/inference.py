"""Network inputs -> line maps: the exported TorchScript on this machine's CPU or GPU.

The module brings its own normalisation; what is settled here is which form of the network is loaded, in
which type it computes, and what is stacked into one batch.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from handler.arrays import LineMap, LineMapBatch, Photo, PhotoBatch
from handler.module_info import FORMS, INFO_FILE, ModuleInfo
from handler.precision import AUTO, PRECISIONS, offered, prefers_plain, settle


class LineDrawer:
    """A loaded module; made by `load`."""

    def __init__(self, module: torch.jit.ScriptModule, info: ModuleInfo, precision: str) -> None:
        self._module = module
        self.info = info
        self.precision = precision  # what it computes in, one of `handler.precision.PRECISIONS`
        self.device = module.mean.device

    def draw_lines(self, inputs: Sequence[Photo]) -> list[LineMap]:
        """uint8 (H, W, 3) RGB, H and W from 32 -> float32 (H, W) in [0, 1], 0 ink and 1 paper.

        Inputs may differ in size. A CPU takes them one by one, for a batch is no faster there and
        would need its memory; a GPU takes those of one size together. Equal ones are drawn once: one photo in
        several styles.
        """
        firsts = [next(j for j in range(i + 1) if np.array_equal(inputs[j], inputs[i])) for i in range(len(inputs))]
        distinct = sorted(set(firsts))
        maps = dict(zip(distinct, self._draw_distinct([inputs[i] for i in distinct]), strict=True))
        return [maps[i] for i in firsts]

    def _draw_distinct(self, inputs: Sequence[Photo]) -> list[LineMap]:
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

    def _draw(self, photos: PhotoBatch) -> LineMapBatch:
        with plain_inference():
            batch = torch.from_numpy(photos).to(self.device).permute(0, 3, 1, 2)
            lines: LineMapBatch = self._module(batch).cpu().numpy()
        return lines


def load(folder: Path, device: str = "cpu", precision: str = AUTO, threads: int = 0) -> LineDrawer:
    """Load the form of the network in `folder`, an unpacked archive, that computes in `precision`.

    `precision` is as for `handler.precision.settle`; `auto` takes the fastest that the device has in hardware.
    `threads` is torch's number for the whole process, which a worker shares with others later; 0 leaves what
    torch has. Raises `ValueError` for a precision that archive or device lack.
    """
    if threads:
        torch.set_num_threads(threads)
    settled = settle(precision, offered(device, forms_in(folder)))
    module, info = read_module(folder / FORMS[PRECISIONS[settled].form], device)
    module.pack(PRECISIONS[settled].dtype, prefers_plain(device))
    return LineDrawer(module, info, settled)


def forms_in(folder: Path) -> list[str]:
    """Return the forms of the network that an unpacked archive carries."""
    return [form for form, name in FORMS.items() if (folder / name).is_file()]


def read_module(path: Path, device: str = "cpu") -> tuple[torch.jit.ScriptModule, ModuleInfo]:
    """Return an exported module, which runs once its `pack` was called, and what it says of itself."""
    extra = {INFO_FILE: ""}
    with torchscript():
        module: torch.jit.ScriptModule = torch.jit.load(path, map_location=device, _extra_files=extra)
    return module, ModuleInfo.from_json(extra[INFO_FILE])


@contextmanager
def plain_inference() -> Iterator[None]:
    """Without gradients, and without TorchScript's optimizer: it finds nothing here and makes two photos slow."""
    with torch.inference_mode(), torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
        yield


@contextmanager
def torchscript() -> Iterator[None]:
    """TorchScript works in the pinned torch, which announces at every call that it will not last."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        yield
