"""U^2-Net as it runs in a worker: batch norm folded, convolution and ReLU one operator.

The arithmetic of `model.u2net.U2Net` in a form that `torch.jit.script` takes and that oneDNN runs
fast. Every module here is of use after `prepare` alone, which settles its type.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from model.u2net import ConvBnRelu, Rsu, U2Net, pool, upsample_like


class FusedConv(nn.Module):
    """3x3 convolution that keeps the size, and ReLU or none: (B, in, H, W) -> (B, out, H, W)."""

    def __init__(self, weight: Tensor, bias: Tensor, dilation: int = 1, relu: bool = True) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach())
        self.register_buffer("bias", bias.detach())
        self.steps = [dilation, dilation]
        self.activation = "relu" if relu else "none"

    @torch.jit.export
    def prepare(self, dtype: torch.dtype) -> None:
        self.weight = self.weight.to(dtype, memory_format=torch.channels_last)
        self.bias = self.bias.to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        if x.is_cuda:
            y = F.conv2d(x, self.weight, self.bias, [1, 1], self.steps, self.steps)
            return F.relu(y) if self.activation == "relu" else y
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, self.steps, [1, 1], self.steps, 1, self.activation, [], ""
        )
        return y


class FusedRsu(nn.Module):
    """`model.u2net.Rsu` on fused convolutions."""

    def __init__(self, block: Rsu) -> None:
        super().__init__()
        self.dilated = block.dilated
        self.entry = fused(block.entry)
        self.down = nn.ModuleList(map(fused, block.down))
        self.bottom = fused(block.bottom)
        self.up = nn.ModuleList(map(fused, block.up))

    @torch.jit.export
    def prepare(self, dtype: torch.dtype) -> None:
        self.entry.prepare(dtype)
        self.bottom.prepare(dtype)
        for layer in self.down:
            layer.prepare(dtype)  # type: ignore[operator]
        for layer in self.up:
            layer.prepare(dtype)  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        entry = self.entry(x)
        x = entry
        skips: list[Tensor] = []
        for i, layer in enumerate(self.down):
            x = layer(x if i == 0 or self.dilated else pool(x))
            skips.append(x)
        x = self.bottom(x)
        for layer in self.up:
            x = layer(join(x, skips.pop()))
        return x.add_(entry)


class FusedU2Net(nn.Module):
    """`model.u2net.U2Net` for inference: normalised (B, 3, H, W) -> fused map (B, 1, H, W)."""

    def __init__(self, network: U2Net) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(map(FusedRsu, network.encoder))
        self.decoder = nn.ModuleList(map(FusedRsu, network.decoder))
        self.sides = nn.ModuleList(side_convs(network))

    @torch.jit.export
    def prepare(self, dtype: torch.dtype) -> None:
        for stage in self.encoder:
            stage.prepare(dtype)  # type: ignore[operator]
        for stage in self.decoder:
            stage.prepare(dtype)  # type: ignore[operator]
        for side in self.sides:
            side.prepare(dtype)  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for i, stage in enumerate(self.encoder):
            x = stage(x if i == 0 else pool(x))
            skips.append(x)
        features = [skips.pop()]
        for stage in self.decoder:
            x = stage(join(x, skips.pop()))
            features.append(x)
        logits = torch.zeros([], device=x.device)
        for i, side in enumerate(self.sides):
            logits = logits + upsample_like(side(features[i]).float(), x)
        return torch.sigmoid(logits)


def fused(layer: ConvBnRelu) -> FusedConv:
    """A layer in eval mode as one convolution with its batch norm inside."""
    conv, bn = layer.conv, layer.bn
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return FusedConv(weight, bias, int(conv.dilation[0]))


def side_convs(network: U2Net) -> list[FusedConv]:
    """The side outputs with the 1x1 fusion inside, deepest first: their sum is the fused map.

    The fusion is linear and upsampling keeps constants, so both may change places.
    """
    shares = network.fuse.weight[0, :, 0, 0]
    last = len(shares) - 1
    convs = []
    for i, side in enumerate(network.sides):
        bias = side.bias * shares[i] + (network.fuse.bias if i == last else 0)
        convs.append(FusedConv(side.weight * shares[i], bias, relu=False))
    return convs[::-1]


def join(deep: Tensor, skip: Tensor) -> Tensor:
    """A map brought to the size of its skip connection and put before it."""
    return torch.cat((upsample_like(deep, skip), skip), 1)
