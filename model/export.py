"""Weights -> TorchScript in every form: written, read back, compared with eager, and only then offered."""

import io
import logging
from pathlib import Path

import torch
from torch import Tensor, nn

from handler.finders import NO_FINDERS, Finders
from handler.inference import plain_inference, read_module, torchscript
from handler.module_info import FORMS, INFO_FILE, WEIGHT_TOPS, ModuleInfo
from handler.precision import offered, prefers_plain
from model.network.fused import float_network
from model.network.int8 import int8_network
from model.network.line_model import ByteLineModel, FusedLineModel, LineModel
from model.network.u2net import ARCHITECTURES, U2Net
from model.quantization.ranges import QuantizationError, Ranges, pass_gate, ranges_and_gate
from model.weights.loading import load_network
from model.weights.source import Weights, sight_of

logger = logging.getLogger(__name__)

TOLERANCE = 1e-3
"""Largest difference of any pixel of a line map, of 1; what folding and reordering cost is 1e-5."""


class ExportError(Exception):
    """What was written does not draw what the network draws."""


def export(
    weights: Weights, folder: Path, calibration: Path | None = None, finders: Finders = NO_FINDERS
) -> list[ModuleInfo]:
    """Write the network of `weights` to `folder`, a file for each of `handler.module_info.FORMS` -> what was written.

    A module takes uint8 RGB (B, 3, H, W) and gives float32 (B, H, W), 0 ink and 1 paper, once its `pack` has
    been called with the floating type to compute in. In a process that exports once its bytes depend on the
    arguments alone; in others, torch numbers type names anew.

    int8 is made from the photos in `calibration`, or from the project's own, with `finders` as workers have them. A
    form whose drawings do not pass the gate is left out, and the log says so. Raises `WeightsError`,
    `QuantizationError` for a `calibration` that is of no use, or `ExportError` when what was read back draws something
    else than the network.
    """
    network = load_network(weights.path)
    written = [export_float(network, weights, folder)]
    # fp32's drawings of the gate's photos are made once and serve both integer forms
    ranges, gate = ranges_and_gate(network, weights, calibration, finders)
    for form in WEIGHT_TOPS:
        info = info_of(network, weights, form)
        path = write_int8(network, ranges, info, folder)
        found = gate.judge(read(path) if form in offered("cpu", [form]) else int8_line_model(network, ranges, form))
        logger.info("%s against fp32 on %d photos, the worst: %s", form, len(gate.photos), found)
        try:
            pass_gate(form, found)
            written.append(info)
        except QuantizationError as error:
            path.unlink()
            logger.warning("%s; the archive does without", error)
    return written


def export_float(network: U2Net, weights: Weights, folder: Path) -> ModuleInfo:
    """Write the module for fp32, bf16 and fp16. Raises `ExportError`."""
    info = info_of(network, weights, "float")
    path = folder / FORMS["float"]
    # stored in fp32: bf16 and fp16 are rounded from it by `pack`, in the worker that computes in them
    path.write_bytes(script(FusedLineModel(float_network(network)), info))
    _compare(LineModel(network).eval(), path)
    return info


def write_int8(network: U2Net, ranges: Ranges, info: ModuleInfo, folder: Path) -> Path:
    """Write the int8 module that `info` tells of, unjudged -> where."""
    path = folder / FORMS[info.form]
    path.write_bytes(script(ByteLineModel(int8_network(network, ranges, WEIGHT_TOPS[info.form])), info))
    return path


def int8_line_model(network: U2Net, ranges: Ranges, form: str) -> ByteLineModel:
    """Return what an int8 form draws, without export; emulated where this CPU is not exact in it."""
    emulated = form not in offered("cpu", [form])
    line_model = ByteLineModel(int8_network(network, ranges, WEIGHT_TOPS[form], emulated)).eval()
    line_model.pack(torch.float32, False)
    return line_model


def info_of(network: U2Net, weights: Weights, form: str) -> ModuleInfo:
    """Return what is exported from `network`, which `weights` became."""
    version = str(torch.__version__)
    return ModuleInfo(weights.name, weights.sha256, size_of(network), form, version, sight_of(weights))


def size_of(network: U2Net) -> str:
    """Name of the published size that has as many parameters."""
    # on "meta" tensors have shapes and no memory: u2net would take 176 MB to be counted
    with torch.device("meta"):
        sizes = {name: _count(U2Net(layout)) for name, layout in ARCHITECTURES.items()}
    return next(name for name, count in sizes.items() if count == _count(network))


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def script(line_model: LineModel, info: ModuleInfo) -> bytes:
    """Compile a module to TorchScript with `info` inside, without the paths of its source files."""
    written = io.BytesIO()
    with torchscript():
        scripted = torch.jit.script(line_model.eval())
        torch.jit.save(scripted, written, {INFO_FILE: info.to_json()})
    written.seek(0)
    return _without_paths(written)


def _without_paths(written: io.BytesIO) -> bytes:
    """TorchScript's debug records name source files of this machine: leave them out.

    `torch._C.PyTorchFile*` are private to torch too; tests/test_onednn.py holds them against the pinned one.
    """
    reader, stripped = torch._C.PyTorchFileReader(written), io.BytesIO()
    writer = torch._C.PyTorchFileWriter(stripped)
    for name in sorted(reader.get_all_records()):
        if not name.endswith((".debug_pkl", *_WRITERS_OWN)):
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    return stripped.getvalue()


# the writer adds these itself, and a name that is written twice is an error
_WRITERS_OWN = ("version", "byteorder", ".data/serialization_id")


def read(path: Path, dtype: torch.dtype = torch.float32) -> torch.jit.ScriptModule:
    """Return an exported module, prepared to run on this machine's CPU."""
    module, _ = read_module(path)
    module.pack(dtype, prefers_plain("cpu"))
    return module


def _compare(line_model: LineModel, path: Path) -> None:
    module = read(path)
    for photos in probes():
        with plain_inference():
            # (B, H, W) each; a NaN fails the comparison below, which `worst > TOLERANCE` would let pass
            worst = float((module(photos) - line_model(photos)).abs().max())
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
