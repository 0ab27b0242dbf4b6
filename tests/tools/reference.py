"""The published layouts, and what the published code answers for seeded weights: see tests/data/README.md."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.tools.shared import needs_shared, shared

_FOLDER = Path(__file__).parents[1] / "data" / "parity"
_FULL_SIZE = "reference/u2net_seed7.npz"  # another 290 kB, of the same kind
_SEED = 7

# The two sizes of the network; the answers of the full one are not in the repository.
SIZES_WITH_ANSWERS = ("u2netp", pytest.param("u2net", marks=needs_shared(_FULL_SIZE)))


def layout(size: str) -> dict[str, list[int]]:
    """Names and shapes of the published checkpoint, in its order."""
    layout: dict[str, list[int]] = json.loads((_FOLDER / f"{size}_state_dict.json").read_text())
    return layout


def seeded(size: str) -> dict[str, Tensor]:
    """Draw the weights that the answers were made with: one tensor for each entry of the layout, in its order.

    The draws must stay as they are, to the order of the calls: the answers fit no other weights.
    """
    generator = torch.Generator().manual_seed(_SEED)
    return {name: _drawn(name, shape, generator) for name, shape in layout(size).items()}


def _drawn(name: str, shape: list[int], generator: torch.Generator) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    if name.endswith(("running_var", "bn_s1.weight")):
        return torch.rand(shape, generator=generator) + 0.5
    if len(shape) == 4:  # a convolution (out, in, height, width): the maps keep their scale through all layers
        fan_in = shape[1] * shape[2] * shape[3]
        return torch.randn(shape, generator=generator) * (0.5 / fan_in) ** 0.5
    return torch.randn(shape, generator=generator) * 0.1


def answers(size: str) -> dict[str, dict[str, Tensor]]:
    """HxW -> x, d0 (the fused map) and d6 (the deepest side map), each float32 (1, C, H, W)."""
    file = _FOLDER / "u2netp_seed7.npz" if size == "u2netp" else shared(_FULL_SIZE)
    found: dict[str, dict[str, Tensor]] = {}
    with np.load(file) as arrays:
        for key in arrays.files:
            name, shape = key.split("_")
            found.setdefault(shape, {})[name] = torch.from_numpy(arrays[key])
    return found
