"""How near one drawing comes to another: PSNR and SSIM, both of line maps in [0, 1]."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


class Fidelity(NamedTuple):
    """Of one drawing against its reference, or the worst of several, each figure by itself."""

    psnr: float  # dB
    ssim: float  # 1 is the same drawing

    def __str__(self) -> str:
        return f"PSNR {self.psnr:.1f} dB, SSIM {self.ssim:.4f}"


def compare(drawn: Tensor, reference: Tensor) -> Fidelity:
    """Two float32 line maps (H, W), H and W from 11."""
    return Fidelity(psnr(drawn, reference), ssim(drawn, reference))


def worst(found: list[Fidelity]) -> Fidelity:
    """Return the lowest PSNR and the lowest SSIM."""
    return Fidelity(min(f.psnr for f in found), min(f.ssim for f in found))


def psnr(drawn: Tensor, reference: Tensor) -> float:
    """Peak signal-to-noise ratio in dB; infinite for the same map."""
    return float(-10 * torch.log10((drawn - reference).square().mean()))


def ssim(drawn: Tensor, reference: Tensor) -> float:
    """Mean structural similarity, Gaussian window of 11 pixels.

    Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to
    Structural Similarity", IEEE Transactions on Image Processing 13 (2004).
    """
    x, y = drawn.double(), reference.double()
    mean_x, mean_y = _blurred(x), _blurred(y)
    var_x, var_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    cov = _blurred(x * y) - mean_x * mean_y
    light = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return float((light * (2 * cov + _C2) / (var_x + var_y + _C2)).mean())


def _blurred(x: Tensor) -> Tensor:
    """Where the whole window fits."""
    steps = torch.arange(_WINDOW, dtype=x.dtype) - _WINDOW // 2
    weights = torch.exp(-(steps**2) / (2 * _SIGMA**2))
    weights = weights / weights.sum()
    rows = F.conv2d(x[None, None], weights.view(1, 1, -1, 1))
    return F.conv2d(rows, weights.view(1, 1, 1, -1))[0, 0]
