"""Weights -> TorchScript: written, read back, compared with eager, and only then in place."""

import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from model.drawing import ByteDrawing, Drawing, FusedDrawing
from model.fused import float_network
from model.int8 import int8_network
from model.loading import load_network
from model.quantize import QuantizationError, judge, pass_gate, ranges_and_gate
from model.u2net import ARCHITECTURES, U2Net
from model.weights import Weights

logger = logging.getLogger(__name__)

INFO_FILE = "portrait.json"
TOLERANCE = 1e-3
"""Largest difference of any pixel of a line map, of 1; what folding and reordering cost is 1e-5."""


class ExportError(Exception):
    """What was written does not draw what the network draws."""


@dataclass(frozen=True)
class ModuleInfo:
    """What an exported module is; travels inside it as JSON."""

    weights: str  # name of the weights, as answers give it
    sha256: str  # of the weights' file, 64 hex digits
    network: str  # u2net or u2netp
    precision: str  # float (fp32, bf16 or fp16, settled where it is loaded) or int8
    torch: str  # the version that wrote it

    @classmethod
    def of(cls, network: U2Net, weights: Weights, precision: str) -> "ModuleInfo":
        """What is exported from `network`, which `weights` became."""
        return cls(weights.name, weights.sha256, size_of(network), precision, str(torch.__version__))


def export(weights: Weights, path: Path, precision: str = "fp32", calibration: Path | None = None) -> ModuleInfo:
    """Write the network of `weights` to `path` as a module that turns photos into line maps.

    The module takes uint8 RGB (B, 3, H, W) and gives float32 (B, H, W), 0 ink and 1 paper, once
    its `prepare` has been called with the floating type to compute in. In a process that exports
    once its bytes depend on the arguments alone; in others, torch numbers type names anew.

    `precision`: `fp32` and `bf16` give the same module, settled where it is loaded; `int8` another,
    from the photos in `calibration` or the ranges shipped with the embedded weights; `auto` is int8
    where this CPU has instructions for it and the drawings pass the gate, else float, and logs why.
    Raises `WeightsError`, `QuantizationError`, or `ExportError` when what was read back draws
    something else than the network; `path` is then untouched.
    """
    network = load_network(weights.path)
    if precision == "auto" and not has_int8():
        precision = "fp32"
    if precision in ("auto", "int8"):
        try:
            return _export_int8(network, weights, path, calibration)
        except QuantizationError as error:
            if precision == "int8":
                raise
            logger.warning("%s; the archive computes in floating point", error)
    info = ModuleInfo.of(network, weights, "float")
    with _beside(path) as written:
        written.write_bytes(script(FusedDrawing(float_network(network)), info))
        _compare(Drawing(network).eval(), written)
        written.replace(path)
    return info


def _export_int8(network: U2Net, weights: Weights, path: Path, calibration: Path | None) -> ModuleInfo:
    ranges, photos = ranges_and_gate(network, weights, calibration)
    info = ModuleInfo.of(network, weights, "int8")
    with _beside(path) as written:
        written.write_bytes(script(ByteDrawing(int8_network(network, ranges)), info))
        found = judge(read(written), network, photos)
        logger.info("int8 against fp32 on %d pictures, the worst: %s", len(photos), found)
        pass_gate(found)
        written.replace(path)
    return info


def has_int8() -> bool:
    """Whether this CPU has the instructions that int8 is made for; without, it is no gain."""
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_vnni") or has.get("avx_vnni")) and not torch.cuda.is_available()


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file to write before it takes the place of `path`."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        yield Path(folder) / path.name


def size_of(network: U2Net) -> str:
    """Name of the published size that has as many parameters."""
    with torch.device("meta"):
        sizes = {name: _count(U2Net(layout)) for name, layout in ARCHITECTURES.items()}
    return next(name for name, count in sizes.items() if count == _count(network))


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def script(drawing: Drawing, info: ModuleInfo) -> bytes:
    """Module -> TorchScript with `info` inside, without the paths of its source files."""
    written = io.BytesIO()
    with torchscript():
        scripted = torch.jit.script(drawing.eval())
        torch.jit.save(scripted, written, {INFO_FILE: json.dumps(asdict(info), indent=2)})
    written.seek(0)
    return _without_paths(written)


def _without_paths(written: io.BytesIO) -> bytes:
    """TorchScript's debug records name source files of this machine: leave them out."""
    reader, stripped = torch._C.PyTorchFileReader(written), io.BytesIO()
    writer = torch._C.PyTorchFileWriter(stripped)
    for name in sorted(reader.get_all_records()):
        if not name.endswith((".debug_pkl", *_WRITERS_OWN)):
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    return stripped.getvalue()


_WRITERS_OWN = ("version", "byteorder", ".data/serialization_id")


def read(path: Path, dtype: torch.dtype = torch.float32) -> torch.jit.ScriptModule:
    """An exported module, prepared to run on this machine's CPU."""
    with torchscript():
        module: torch.jit.ScriptModule = torch.jit.load(path, map_location="cpu")
    module.prepare(dtype)
    return module


def _compare(drawing: Drawing, path: Path) -> None:
    module = read(path)
    for photos in probes():
        with torch.inference_mode():
            worst = float((module(photos) - drawing(photos)).abs().max())
        if not worst <= TOLERANCE:
            raise ExportError(
                f"the exported module differs from the network by {worst:.2g} on {list(photos.shape)}, "
                f"more than {TOLERANCE:g}: this is a fault of the export, not of the weights"
            )


def probes() -> list[Tensor]:
    """Noise at two sizes, one of them odd and a batch: uint8 (B, 3, H, W)."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(1, 3, 128, 96), (2, 3, 33, 65)]
    return [torch.randint(0, 256, s, dtype=torch.uint8, generator=generator) for s in shapes]


@contextmanager
def torchscript() -> Iterator[None]:
    """TorchScript works in the pinned torch, which announces at every call that it will not last."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        yield
