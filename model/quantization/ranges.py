"""int8: the ranges of the network's maps, recorded on photos, and the gate that they must pass."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from handler.errors import RequestError
from handler.finders import NO_FINDERS, Finders
from handler.inference import plain_inference
from handler.precision import prefers_plain
from handler.sight import Sight
from model.files import write_whole
from model.network.fused import FusedRsu, convolutions, float_network
from model.network.line_model import FusedLineModel
from model.network.u2net import U2Net
from model.quantization.fidelity import Fidelity, compare, worst
from model.quantization.pictures import photo_files, served_photos
from model.weights.source import EMBEDDED, Weights, sight_of

BAR = Fidelity(psnr=34.0, ssim=0.97)
SHIPPED = EMBEDDED.with_name("int8_ranges.json")
PHOTOS = Path(__file__).parent / "photos"
_FEWEST = 6
_GATE_SHARE = 3  # every third photo is kept for the gate
_GATE_SIGHT = Sight(side=256)  # of the project's own photos: they are drawn up to five times, once in emulation

Ranges = dict[str, Tensor]
Draw = Callable[[Tensor], Tensor]
Item = TypeVar("Item")


class QuantizationError(Exception):
    """int8 that cannot be made, or draws too differently; the message says why or by how much."""


@dataclass(frozen=True)
class Gate:
    """Photos that int8 was not made from, and what fp32 draws of them."""

    photos: Sequence[Tensor]  # uint8 RGB (1, 3, H, W)
    exact: Sequence[Tensor]  # float32 line maps (H, W)

    @classmethod
    def of(cls, network: U2Net, photos: Sequence[Tensor]) -> "Gate":
        """Return the gate for all forms of `network`."""
        line_model = as_served(network)
        with plain_inference():
            return cls(photos, [line_model(photo)[0] for photo in _shown(photos, "drawing in fp32")])

    def judge(self, draw: Draw) -> Fidelity:
        """Return the worst that `draw`, from uint8 photos to line maps, comes to."""
        with plain_inference():
            pairs = zip(_shown(self.photos, "judging"), self.exact, strict=True)
            return worst([compare(draw(photo)[0], exact) for photo, exact in pairs])


def as_served(network: U2Net) -> FusedLineModel:
    """Return `network`, in eval mode, as a worker runs it in fp32: thrice as fast as eager."""
    line_model = FusedLineModel(float_network(network)).eval()
    line_model.pack(torch.float32, prefers_plain("cpu"))
    return line_model


def ranges_and_gate(
    network: U2Net, weights: Weights, folder: Path | None, finders: Finders = NO_FINDERS
) -> tuple[Ranges, Gate]:
    """Ranges for `network`, and the gate that its int8 forms have to pass.

    From the photos of `folder`, of which a third is kept for the gate; without one from those of the project,
    but the ranges of the embedded weights, which were recorded on more. `finders` are those of the workers.
    Raises `QuantizationError`.
    """
    seen, unseen = split(folder or PHOTOS)
    sight = sight_of(weights)
    gate = Gate.of(network, list(calibration_photos(unseen, sight if folder else _GATE_SIGHT, finders)))
    if folder is None and has_ranges(SHIPPED, weights):
        return read_ranges(SHIPPED), gate
    return record_ranges(network, calibration_photos(_shown(seen, "recording ranges"), sight, finders)), gate


def calibration_photos(paths: Iterable[Path], sight: Sight, finders: Finders) -> Iterator[Tensor]:
    """Yield `served_photos` of all; raises `QuantizationError` with the name of one that a worker would refuse."""
    for path in paths:
        try:
            yield from served_photos(path, sight, finders)
        except RequestError as error:
            raise QuantizationError(f"calibration: {path}: {error}") from error


def _shown(items: Sequence[Item], what: str) -> Iterable[Item]:
    """`items`, with a bar on a terminal."""
    bar: Iterable[Item] = tqdm(items, what, leave=False, disable=None)
    return bar


def split(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the photos of a folder: to calibrate on, and to judge on. Raises `QuantizationError`."""
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

    line_model, layers = as_served(network), {name for name, _ in convolutions(network)}
    for name, module in line_model.network.named_modules():
        if name in layers or isinstance(module, FusedRsu):
            module.register_forward_hook(watch(name))
    with plain_inference():
        for photo in photos:
            line_model(photo)
    return ranges


def write_ranges(path: Path, weights: Weights, ranges: Ranges) -> None:
    """JSON of the ranges, to four digits, and of the weights that they hold for."""
    rows = {name: [float(f"{value:.4g}") for value in top.tolist()] for name, top in ranges.items()}
    lines = (f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    text = f'{{"sha256": "{weights.sha256}",\n "ranges": {{\n' + ",\n".join(lines) + "\n}}\n"
    write_whole(path, text)


def has_ranges(path: Path, weights: Weights) -> bool:
    """Whether the ranges in a file were recorded for these very weights."""
    return path.is_file() and json.loads(path.read_text())["sha256"] == weights.sha256


def read_ranges(path: Path) -> Ranges:
    """Read ranges, the reverse of `write_ranges`."""
    return {name: torch.tensor(row) for name, row in json.loads(path.read_text())["ranges"].items()}


def pass_gate(form: str, found: Fidelity) -> None:
    """Raise `QuantizationError` that says by how much what was `found` of a form falls short, if it does."""
    if found.psnr < BAR.psnr or found.ssim < BAR.ssim:
        raise QuantizationError(
            f"{form}: the worst drawing has {found} against fp32, and must have {BAR}: "
            f"{max(0.0, BAR.psnr - found.psnr):.1f} dB and {max(0.0, BAR.ssim - found.ssim):.4f} short"
        )
