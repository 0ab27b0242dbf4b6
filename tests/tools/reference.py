"""The published layouts and the published code's answers; they lie outside the repository."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

FOLDER = Path(__file__).parents[3] / "shared" / "reference"

needs_reference = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no {FOLDER.name} files beside the checkout")


def layout(size: str) -> dict[str, list[int]]:
    """Names and shapes of the published checkpoint, in its order."""
    layout: dict[str, list[int]] = json.loads((FOLDER / f"{size}_state_dict.json").read_text())
    return layout


def seeded(size: str) -> dict[str, Tensor]:
    """The weights of the parity files, drawn by the script that lies beside them."""
    spec = importlib.util.spec_from_file_location("seeded_weights", FOLDER / "seeded_weights.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tensors: dict[str, Tensor] = module.seeded_state_dict(layout(size), seed=7)
    return tensors


def answers(size: str) -> dict[str, dict[str, Tensor]]:
    """HxW -> x, d0 (the fused map) and d6 (the deepest side map), each float32 (1, C, H, W)."""
    found: dict[str, dict[str, Tensor]] = {}
    with np.load(FOLDER / f"{size}_seed7.npz") as arrays:
        for key in arrays.files:
            name, shape = key.split("_")
            found.setdefault(shape, {})[name] = torch.from_numpy(arrays[key])
    return found
