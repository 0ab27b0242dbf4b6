"""Small weights for tests: `u2netp` with seeded values, which draw something, if no portrait."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from model.network.u2net import ARCHITECTURES, U2Net, published_name


def write_weights(path: Path) -> Path:
    """A checkpoint under the published names; the same bytes every time."""
    generator = torch.Generator().manual_seed(0)
    network = U2Net(ARCHITECTURES["u2netp"]).eval()
    for tensor in network.parameters():
        fan_in = tensor[0].numel() if tensor.ndim == 4 else 1
        scale = (2.0 / fan_in) ** 0.5 if tensor.ndim == 4 else 0.1
        tensor.data = torch.randn(tensor.shape, generator=generator) * scale + (tensor.ndim == 1)
    tensors = {published_name(name): tensor for name, tensor in network.state_dict().items()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path
