"""int8: the ranges of the network's maps, recorded on photos, and the gate that they must pass."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from model.drawing import Drawing
from model.fidelity import Fidelity, compare, worst
from model.fused import convolutions, rsus
from model.pictures import photo_files, read_photo, sample_photos
from model.u2net import U2Net
from model.weights import EMBEDDED, Weights

GATE = Fidelity(psnr=34.0, ssim=0.97)
SHIPPED = EMBEDDED.with_name("int8_ranges.json")
_FEWEST = 6
_GATE_SHARE = 3  # every third photo is kept for the gate
_SAMPLE_SIDE = 256

Ranges = dict[str, Tensor]
Draw = Callable[[Tensor], Tensor]


class QuantizationError(Exception):
    """int8 that cannot be made, or draws too differently; the message says why or by how much."""


def ranges_and_gate(network: U2Net, weights: Weights, folder: Path | None) -> tuple[Ranges, list[Tensor]]:
    """Ranges for `network`, and the pictures to hold its int8 form against fp32 on.

    From the photos of `folder`, of which a third is kept for the gate; or without a folder those
    shipped for these very weights, and the sample portrait. Raises `QuantizationError`.
    """
    if folder is None:
        return read_ranges(SHIPPED, weights), sample_photos(_SAMPLE_SIDE)
    seen, unseen = split(folder)
    return record_ranges(network, map(read_photo, seen)), [read_photo(path) for path in unseen]


def split(folder: Path) -> tuple[list[Path], list[Path]]:
    """The photos of a folder: to calibrate on, and to judge on. Raises `QuantizationError`."""
    files = photo_files(folder) if folder.is_dir() else []
    if len(files) < _FEWEST:
        raise QuantizationError(f"calibration: {folder} holds {len(files)} photos, at least {_FEWEST} are needed")
    unseen = files[_GATE_SHARE - 1 :: _GATE_SHARE]
    return [path for path in files if path not in unseen], unseen


def record_ranges(network: U2Net, photos: Iterable[Tensor]) -> Ranges:
    """Largest value of each channel that any convolution or residual block writes.

    `photos` are uint8 RGB (B, 3, H, W). Returns name in `network` -> float32 (channels,).
    """
    ranges: Ranges = {}

    def watch(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def record(_module: nn.Module, _inputs: object, maps: Tensor) -> None:
            top = maps.amax((0, 2, 3))
            ranges[name] = torch.maximum(ranges[name], top) if name in ranges else top

        return record

    watched: list[tuple[str, nn.Module]] = list(convolutions(network))
    for part, stages in (("encoder", network.encoder), ("decoder", network.decoder)):
        watched += ((f"{part}.{i}", block) for i, block in enumerate(rsus(stages)))
    handles = [module.register_forward_hook(watch(name)) for name, module in watched]
    with torch.inference_mode():
        for photo in photos:
            Drawing(network).eval()(photo)
    for handle in handles:
        handle.remove()
    return ranges


def write_ranges(path: Path, weights: Weights, ranges: Ranges) -> None:
    """JSON of the ranges, to four digits, and of the weights that they hold for."""
    rows = {name: [float(f"{value:.4g}") for value in top.tolist()] for name, top in ranges.items()}
    lines = (f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    text = f'{{"sha256": "{weights.sha256}",\n "ranges": {{\n' + ",\n".join(lines) + "\n}}\n"
    path.write_text(text)


def read_ranges(path: Path, weights: Weights) -> Ranges:
    """The reverse of `write_ranges`. Raises `QuantizationError` for other weights than `weights`."""
    held = json.loads(path.read_text()) if path.is_file() else {}
    if held.get("sha256") != weights.sha256:
        raise QuantizationError(
            f"int8: no ranges are shipped for {weights.name} ({weights.sha256[:12]}); "
            "give a folder of photos with --calibration"
        )
    return {name: torch.tensor(row) for name, row in held["ranges"].items()}


def judge(draw: Draw, network: U2Net, photos: Iterable[Tensor]) -> Fidelity:
    """The worst that `draw`, from uint8 photos to line maps, comes to against fp32 on `photos`."""
    exact = Drawing(network).eval()
    with torch.inference_mode():
        return worst([compare(draw(photo)[0], exact(photo)[0]) for photo in photos])


def pass_gate(found: Fidelity) -> None:
    """Raises `QuantizationError` that says by how much `found` falls short."""
    if found.psnr < GATE.psnr or found.ssim < GATE.ssim:
        raise QuantizationError(
            f"int8: the worst drawing has {found} against fp32, and must have {GATE}: "
            f"{max(0.0, GATE.psnr - found.psnr):.1f} dB and {max(0.0, GATE.ssim - found.ssim):.4f} short"
        )
