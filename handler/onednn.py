"""oneDNN's integer convolution, which torch keeps to itself.

`torch.ops.onednn.*` are PRIVATE to torch: any release may change or drop them, and announces nothing. Here and in
`model.network.onednn` they are called, nowhere else; tests/test_onednn.py holds them against the pinned torch.

The int8 network is scripted with these very functions, so `handler.precision` tries a CPU with what it will run.
`torch.jit.script` compiles them: plain arguments, every type named.
"""

import torch
from torch import Tensor


def pack_bytes(
    weight: Tensor, scale: Tensor, zero_point: int, padding: list[int], dilation: list[int], groups: int
) -> Tensor:
    """int8 (out, in / groups, h, w) -> the same as this machine's kernels want it: a form that cannot be saved.

    `scale`, float32 (out,), is what one step of each output channel's weights is worth; `zero_point` is the value of
    a map that stands for 0.
    """
    packed: Tensor = torch.ops.onednn.qconv_prepack(
        weight, scale, 1.0, zero_point, [1, 1], padding, dilation, groups, None
    )
    return packed


def convolve_bytes(
    x: Tensor,
    zero_point: int,
    packed: Tensor,
    scale: Tensor,
    zero: Tensor,
    bias: Tensor | None,
    padding: list[int],
    dilation: list[int],
    groups: int,
    dtype: torch.dtype,
    activation: str,
) -> Tensor:
    """uint8 (B, in, H, W), channels last -> (B, out, h, w) in `dtype`, uint8 or float32: with stride 1.

    `packed` is from `pack_bytes` with the same numbers; `zero`, int32 (out,), is 0; `bias` float32 (out,) is added
    before the activation, `relu` or `none`. uint8 comes out rounded, and cut at 255.
    """
    y: Tensor = torch.ops.onednn.qconv2d_pointwise(
        x, 1.0, zero_point, packed, scale, zero, bias, [1, 1], padding, dilation, groups,
        1.0, 0, dtype, activation, [], "",
    )  # fmt: skip
    return y
