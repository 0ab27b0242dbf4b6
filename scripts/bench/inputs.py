"""What every engine of one run is given: the weights, the photos, and the modules made of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor

from handler.module_info import WEIGHT_TOPS
from model.export import export_float, info_of, write_int8
from model.files import sha256_of
from model.network.u2net import ARCHITECTURES, U2Net, published_name
from model.quantization.pictures import read_photo
from model.quantization.ranges import PHOTOS, record_ranges, split
from model.weights.loading import load_network
from model.weights.source import Weights, resolve

SEEDED = {f"seeded-{size}": size for size in ARCHITECTURES}


class Photos(NamedTuple):
    """Which photos a run is about; those to calibrate on and those to compare are told apart as for archives."""

    folder: Path = PHOTOS
    side: int = 512  # they are squashed to a square
    calibrating: int = 8  # at most
    compared: int = 6  # at most


@dataclass(frozen=True)
class Inputs:
    """Files in one folder, which the engines' processes read; the modules of an archive are among them."""

    folder: Path

    @property
    def weights(self) -> Path:
        """The checkpoint."""
        return self.folder / "weights.safetensors"

    @property
    def photos(self) -> Path:
        """uint8 (N, 3, H, W) each, the first one timed and all compared; then those that int8 is made from."""
        return self.folder / "photos.pt"


def make_inputs(folder: Path, source: str, photos: Photos, forms: Iterable[str]) -> tuple[Inputs, Weights]:
    """Write all inputs, with modules of these `forms` and the float one.

    `source` is a seeded size, or as for `resolve`. All int8 of the run is made from the same photos,
    so that engines and not their photos are compared: ranges that come with weights are not taken.
    """
    inputs = Inputs(folder)
    seen, unseen = split(photos.folder)
    calibration = _squares(seen[: photos.calibrating], photos.side)
    torch.save(
        {"compared": _squares(unseen[: photos.compared], photos.side), "calibration": calibration}, inputs.photos
    )
    weights = seeded(inputs.weights, SEEDED[source]) if source in SEEDED else resolve(source)
    network = load_network(weights.path)
    if source not in SEEDED:
        save_file({published_name(n): t.contiguous() for n, t in network.state_dict().items()}, inputs.weights)
    export_float(network, weights, folder)
    _write_int8(network, weights, calibration, [form for form in forms if form in WEIGHT_TOPS], folder)
    return inputs, weights


def _write_int8(network: U2Net, weights: Weights, calibration: Tensor, forms: list[str], folder: Path) -> None:
    if not forms:
        return
    ranges = record_ranges(network, (photo[None] for photo in calibration))
    for form in forms:
        write_int8(network, ranges, info_of(network, weights, form), folder)


def seeded(path: Path, size: str) -> Weights:
    """Write weights that draw no portrait but take the same time: for what cannot be had here."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        layout = U2Net(ARCHITECTURES[size]).state_dict()
    save_file({published_name(name): _drawn(name, shape, generator) for name, shape in layout.items()}, path)
    return Weights(path, f"seeded-{size}", sha256_of(path))


def _drawn(name: str, like: Tensor, generator: torch.Generator) -> Tensor:
    if not like.is_floating_point():
        return torch.zeros(like.shape, dtype=like.dtype)
    if name.endswith(("running_var", "bn.weight")):
        return torch.rand(like.shape, generator=generator) + 0.5
    if like.ndim == 4:
        # the fusion alone is strong, so that the map spans much of the sigmoid
        strength = 20.0 if name == "fuse.weight" else 0.5
        return torch.randn(like.shape, generator=generator) * (strength / like[0].numel()) ** 0.5
    return torch.randn(like.shape, generator=generator) * 0.1


def _squares(files: Sequence[Path], side: int) -> Tensor:
    """uint8 (N, 3, side, side)."""
    return torch.cat([_squashed(read_photo(path), side) for path in files])


def _squashed(photo: Tensor, side: int) -> Tensor:
    small = torch.nn.functional.interpolate(photo.float(), (side, side), mode="bilinear", antialias=True)
    squashed: Tensor = small.round().clamp(0, 255).to(torch.uint8)
    return squashed
