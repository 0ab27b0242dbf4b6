"""Seeded `u2netp` weights whose line maps have contrast, so that precisions can be told apart."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from model.u2net import ARCHITECTURES, U2Net, published_name
from model.weights import Weights, resolve


def seeded_weights(path: Path, seed: int = 0) -> Weights:
    """Write a checkpoint under the published names; the same seed gives the same bytes."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        published_name(name): _drawn(name, tensor, generator)
        for name, tensor in U2Net(ARCHITECTURES["u2netp"]).state_dict().items()
    }
    save_file(tensors, path)
    return resolve(str(path))


def _drawn(name: str, tensor: Tensor, generator: torch.Generator) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    if name.endswith(("running_var", "bn.weight")):
        return torch.rand(tensor.shape, generator=generator) + 0.5
    if tensor.ndim == 4:
        # the fusion alone is strong: its sum then spans much of the sigmoid
        strength = 20.0 if name == "fuse.weight" else 0.5
        return torch.randn(tensor.shape, generator=generator) * (strength / tensor[0].numel()) ** 0.5
    return torch.randn(tensor.shape, generator=generator) * 0.1
