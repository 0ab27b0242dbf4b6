"""What every engine of one run is given: the weights, the photos, and the modules made of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from handler.module_info import WEIGHT_TOPS
from model.export import export_float, info_of, write_int8
from model.loading import load_network
from model.pictures import photo_files, read_photo, sample_photos, seeded_photo
from model.quantize import SHIPPED, Ranges, has_ranges, read_ranges, record_ranges
from model.u2net import ARCHITECTURES, U2Net, published_name
from model.weights import Weights, resolve

SEEDED = {f"seeded-{size}": size for size in ARCHITECTURES}
_CALIBRATION = 6


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
        """uint8 (N, 3, H, W) each, the first one timed and all compared; then those to calibrate peers on."""
        return self.folder / "photos.pt"


def prepare(folder: Path, source: str, photos: Path | None, compared: int, side: int = 512) -> tuple[Inputs, Weights]:
    """Write all inputs. `source` is a seeded size, or as for `model.weights.resolve`; photos are side x side."""
    inputs = Inputs(folder)
    weights = seeded(inputs.weights, SEEDED[source]) if source in SEEDED else resolve(source)
    network = load_network(weights.path)
    if source not in SEEDED:
        save_file({published_name(n): t.contiguous() for n, t in network.state_dict().items()}, inputs.weights)
    export_float(network, weights, folder)
    pictures = _pictures(photos, compared + _CALIBRATION, side)
    torch.save({"compared": pictures[:compared], "calibration": pictures[compared:]}, inputs.photos)
    ranges = _ranges(network, weights, pictures[compared:])
    for form in WEIGHT_TOPS:
        write_int8(network, ranges, info_of(network, weights, form), folder)
    return inputs, weights


def seeded(path: Path, size: str) -> Weights:
    """Write weights that draw no portrait but take the same time: for what cannot be had here."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        layout = U2Net(ARCHITECTURES[size]).state_dict()
    save_file({published_name(name): _drawn(name, shape, generator) for name, shape in layout.items()}, path)
    return Weights(path, f"seeded-{size}", hashlib.sha256(path.read_bytes()).hexdigest())


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


def _pictures(folder: Path | None, count: int, side: int) -> Tensor:
    """Photos of `folder` squashed to a square, or the sample portrait and seeded ones: uint8 (count, 3, side, side)."""
    if folder is None:
        return torch.cat([*sample_photos(side), *(seeded_photo(seed, side, side) for seed in range(count))][:count])
    files = photo_files(folder)[:count]
    if len(files) < count:
        raise ValueError(f"--photos: {folder} holds {len(files)} photos, {count} are needed")
    return torch.cat([_squashed(read_photo(path), side) for path in files])


def _squashed(photo: Tensor, side: int) -> Tensor:
    small = torch.nn.functional.interpolate(photo.float(), (side, side), mode="bilinear", antialias=True)
    squashed: Tensor = small.round().clamp(0, 255).to(torch.uint8)
    return squashed


def _ranges(network: U2Net, weights: Weights, calibration: Sequence[Tensor] | Tensor) -> Ranges:
    if has_ranges(SHIPPED, weights):
        return read_ranges(SHIPPED)
    return record_ranges(network, [photo[None] for photo in calibration])
