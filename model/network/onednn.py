"""oneDNN's convolutions in floating point, with what follows them, which torch keeps to itself.

`torch.ops.mkldnn._*` are PRIVATE to torch, which calls them from code that its compiler makes: any release may change
or drop them, and announces nothing. Those in integers, which a worker calls by itself too, are in `handler.onednn`.
Nothing else calls private operators; tests/test_onednn.py holds all of them against the pinned torch.

`torch.jit.script` compiles these functions with the modules that call them: plain arguments, every type named.
"""

import torch
from torch import Tensor


def pack(weight: Tensor, padding: list[int], dilation: list[int]) -> Tensor:
    """(out, in, h, w) -> the same as the kernels for channels last want it: a form that cannot be saved."""
    packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(weight, padding, [1, 1], dilation, 1)
    return packed


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor, padding: list[int], dilation: list[int], activation: str
) -> Tensor:
    """(B, in, H, W), `weight` packed or plain, bias (out,) -> (B, out, h, w) after `relu` or `none`; of one type."""
    y: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, padding, [1, 1], dilation, 1, activation, [], ""
    )
    return y


def convolve_onto(
    y: Tensor, x: Tensor, weight: Tensor, bias: Tensor, padding: list[int], dilation: list[int], activation: str
) -> Tensor:
    """`convolve` of `x`, added to `y`, (B, out, h, w), before the activation and in its memory."""
    z: Tensor = torch.ops.mkldnn._convolution_pointwise_(
        y, x, weight, bias, padding, [1, 1], dilation, 1, "add", 1.0, activation, [], ""
    )
    return z
