"""Pictures of what a network draws, side by side with photo and target."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.files import whole
from model.network.line_model import LineModel
from model.network.u2net import U2Net
from model.training.backgrounds import Image
from model.training.plates import Plates
from model.training.precision import autocast
from model.training.views import normalise


@torch.no_grad()
def line_map(network: U2Net, photo: Image) -> Tensor:
    """RGB uint8 (H, W, 3) -> the fused map, float32 (1, 1, H, W) in [0, 1], 1 ink."""
    with autocast():
        fused: Tensor = network(normalise(photo)[None].contiguous(memory_format=torch.channels_last))
    return fused.float()


def drawing_of(network: U2Net, photo: Image) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3) -> uint8 (H, W), 0 ink and 255 paper, stretched as in the archive."""
    lines = LineModel(network).lines(line_map(network, photo))[0].numpy()
    return (lines * 255).round().astype(np.uint8)  # type: ignore[no-any-return]


def write_preview(network: U2Net, people: Sequence[Plates], path: Path, side: int = 384) -> None:
    """Return a row per person: photo, what the network draws, what it should draw."""
    rows = [_row(network, person, side) for person in people]
    with whole(path) as part:
        if not cv2.imwrite(str(part), np.vstack(rows)):
            raise OSError(f"{path}: cannot be written")


def _row(network: U2Net, person: Plates, side: int) -> Image:
    plate = person[side]
    drawings = drawing_of(network, plate.photo), plate.drawing
    gray = [cv2.cvtColor(d, cv2.COLOR_GRAY2BGR) for d in drawings]
    return np.hstack([plate.photo[..., ::-1], *gray]).astype(np.uint8)
