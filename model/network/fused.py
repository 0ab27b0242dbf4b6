"""U^2-Net as it runs in a worker: batch norm folded, convolution and ReLU one operator.

The arithmetic of `model.network.u2net.U2Net` in a form that `torch.jit.script` takes and that oneDNN runs
fast. The shape of the network is written here once; its layers and what happens between them
(`FloatSteps`, or `ByteSteps` of `model.network.int8`) are given. Nothing here runs before `pack`.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from model.network.onednn import convolve, convolve_onto, pack
from model.network.u2net import ConvBnRelu, Rsu, U2Net, pool, upsample_like

SMALL = 3
"""Maps halved so often hold few pixels and, in the full size, many channels. Tuned on two Zen 3 cores."""


class FusedConv(nn.Module):
    """Convolution that keeps the size, and ReLU or none: (B, in, H, W) -> (B, out, H, W)."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, dilation: int = 1, relu: bool = True, small: bool = False) -> None:
        """`small`: the layer's maps were halved `SMALL` times or more."""
        super().__init__()
        self.weight = nn.Buffer(weight.detach())
        self.bias = nn.Buffer(bias.detach())
        self.dilation = [dilation, dilation]
        self.padding = [weight.shape[-1] // 2 * dilation] * 2
        self.activation = "relu" if relu else "none"
        self.small = small
        self.plain = False
        self.phases = 1

    @torch.jit.export
    def pack(self, dtype: torch.dtype, plain: bool) -> None:
        """Settle type and layout: see `FusedU2Net.pack`."""
        self.plain = plain and self.small
        if self.plain and self.dilation[0] > 1:
            self.phases = self.dilation[0]
            self.padding, self.dilation = [1, 1], [1, 1]
        self.bias = self.bias.to(dtype)
        self.weight = self.laid(self.weight.to(dtype))
        if not self.weight.is_cuda and not self.plain:
            self.weight = pack(self.weight, self.padding, self.dilation)

    @torch.jit.export
    def laid(self, x: Tensor) -> Tensor:
        """`x` in the layout that this layer works in; as it is where it has that already."""
        if self.plain:
            return x.contiguous()
        y: Tensor = x.contiguous(memory_format=torch.channels_last)
        return y

    def forward(self, x: Tensor) -> Tensor:
        x = self.laid(x)
        if x.is_cuda:
            y = F.conv2d(x, self.weight, self.bias, [1, 1], self.padding, self.dilation)
            return F.relu(y) if self.activation == "relu" else y
        maps = apart(x, self.phases)
        z = convolve(maps, self.weight, self.bias, self.padding, self.dilation, self.activation)
        return together(z, self.phases, x)

    @torch.jit.export
    def onto(self, y: Tensor, x: Tensor) -> Tensor:
        """Return the convolution of `x`, added to `y` before the ReLU and in its memory."""
        x = self.laid(x)
        if x.is_cuda:
            y = y.add_(F.conv2d(x, self.weight, self.bias, [1, 1], self.padding, self.dilation))
            return F.relu_(y) if self.activation == "relu" else y
        sums, maps = apart(y, self.phases), apart(x, self.phases)
        z = convolve_onto(sums, maps, self.weight, self.bias, self.padding, self.dilation, self.activation)
        return together(z, self.phases, x)


def apart(x: Tensor, phases: int) -> Tensor:
    """(B, C, H, W) -> (B n n, C, H / n, W / n): pixels that lie `phases` = n apart become neighbours.

    A convolution dilated by n is a plain one of these. Atrous convolution is computed so in Chen et al.,
    "DeepLab", IEEE TPAMI 40 (2018), section 3.1. H and W are padded to multiples of n.
    """
    if phases == 1:
        return x
    x = F.pad(x, [0, -x.shape[3] % phases, 0, -x.shape[2] % phases])
    height, width = x.shape[2] // phases, x.shape[3] // phases
    # (B, C n n, H / n, W / n): the n n phases of a channel lie behind one another, and become pictures of a batch
    maps = F.pixel_unshuffle(x, phases).view(x.shape[0], x.shape[1], phases * phases, height, width)
    return maps.transpose(1, 2).flatten(0, 1)


def together(maps: Tensor, phases: int, like: Tensor) -> Tensor:
    """Put maps together, the reverse of `apart`, to the height and width of `like`."""
    if phases == 1:
        return maps
    batch, _, height, width = like.shape
    _, channels, h, w = maps.shape
    maps = maps.view(batch, phases * phases, channels, h, w).transpose(1, 2).flatten(1, 2)  # (B, C n n, h, w)
    return F.pixel_shuffle(maps, phases)[:, :, :height, :width].contiguous()


class FusedJoin(nn.Module):
    """Convolution and ReLU of a map and its skip connection: (B, C, h, w), (B, C, H, W) -> (B, out, H, W).

    The first is brought to the size of the second. The convolution of the two one behind the other
    is the sum of their convolutions, so that concatenation, the largest map of all, is never there.
    """

    def __init__(self, weight: Tensor, bias: Tensor, dilation: int, small: bool) -> None:
        super().__init__()
        deep, skip = weight.chunk(2, 1)
        self.deep = FusedConv(deep, torch.zeros_like(bias), dilation, small=small)
        self.skip = FusedConv(skip, bias, dilation, relu=False, small=small)

    @torch.jit.export
    def pack(self, dtype: torch.dtype, plain: bool) -> None:
        self.deep.pack(dtype, plain)
        self.skip.pack(dtype, plain)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        # the skip connection first: it can be freed before the other is enlarged, and both are large
        y = self.skip(skip)
        # enlarging keeps the layout, so the layout is settled while the map is small
        return self.deep.onto(y, upsample_like(self.deep.laid(deep), y))


class SideOutput(nn.Module):
    """A 3x3 convolution to a single map: (B, in, H, W) -> float32 (B, 1, H, W).

    Kernels compute 16 output channels at once, whether used or not. So each of the nine taps
    becomes a map of its own in one 1x1 convolution, and the maps are shifted and summed.
    """

    def __init__(self, taps: nn.Module, bias: float) -> None:
        super().__init__()
        self.taps = taps
        self.bias = bias

    @torch.jit.export
    def pack(self, dtype: torch.dtype, plain: bool) -> None:
        self.taps.pack(dtype, plain)  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        maps = self.taps(x)  # (B, 9, H, W)
        batch, _, height, width = maps.shape
        framed = torch.zeros([batch, 9, height + 2, width + 2], device=maps.device)
        framed[:, :, 1:-1, 1:-1] = maps
        total = framed[:, 0:1, :height, :width] + self.bias
        for i in range(1, 9):
            row, column = i // 3, i % 3
            total += framed[:, i : i + 1, row : row + height, column : column + width]
        return total


class Steps(nn.Module):
    """What happens between the convolutions."""

    def pool(self, x: Tensor) -> Tensor:
        """As `model.network.u2net.pool`."""
        raise NotImplementedError

    def add(self, x: Tensor, entry: Tensor) -> Tensor:
        """Return the residual sum; may reuse the memory of `x`."""
        raise NotImplementedError


class FloatSteps(Steps):
    """On maps of any floating type."""

    def pool(self, x: Tensor) -> Tensor:
        return pool(x)

    def add(self, x: Tensor, entry: Tensor) -> Tensor:
        return x.add_(entry)


class FusedRsu(nn.Module):
    """`u2net.Rsu` of given layers, from what its own `entry` made of its input: (B, out, H, W) -> the same."""

    def __init__(self, name: str, block: Rsu, layers: Mapping[str, nn.Module], steps: Steps) -> None:
        super().__init__()
        self.dilated = block.dilated
        self.entry = layers[f"{name}.entry"]
        self.down = nn.ModuleList(layers[f"{name}.down.{i}"] for i in range(len(block.down)))
        self.bottom = layers[f"{name}.bottom"]
        self.up = nn.ModuleList(layers[f"{name}.up.{i}"] for i in range(len(block.up)))
        self.steps = steps

    @torch.jit.export
    def pack(self, dtype: torch.dtype, plain: bool) -> None:
        self.entry.pack(dtype, plain)  # type: ignore[operator]
        for layer in self.down:
            layer.pack(dtype, plain)  # type: ignore[operator]
        self.bottom.pack(dtype, plain)  # type: ignore[operator]
        for layer in self.up:
            layer.pack(dtype, plain)  # type: ignore[operator]

    def forward(self, entry: Tensor) -> Tensor:
        x = entry
        skips: list[Tensor] = []
        for i, layer in enumerate(self.down):
            x = layer(x if i == 0 or self.dilated else self.steps.pool(x))
            skips.append(x)
        x = self.bottom(x)
        for layer in self.up:
            x = layer(x, skips.pop())  # (B, C, h, w), (B, C, H, W) -> (B, out, H, W)
        return self.steps.add(x, entry)


class FusedU2Net(nn.Module):
    """`model.network.u2net.U2Net` for inference: input (B, 3, H, W) -> float32 fused map (B, 1, H, W)."""

    def __init__(self, network: U2Net, layers: Mapping[str, nn.Module], steps: Steps) -> None:
        super().__init__()
        self.encoder, self.decoder = (
            nn.ModuleList(FusedRsu(f"{part}.{i}", block, layers, steps) for i, block in enumerate(blocks))
            for part, blocks in (("encoder", rsus(network.encoder)), ("decoder", rsus(network.decoder)))
        )
        # in the order in which they run, deepest first: [::-1] on a ModuleList inside a scripted
        # method silently gives another order
        self.deepest_side, *sides = (layers[f"sides.{i}"] for i in reversed(range(len(network.sides))))
        self.sides = nn.ModuleList(sides)
        self.steps = steps

    @torch.jit.export
    def pack(self, dtype: torch.dtype, plain: bool) -> None:
        """Settle type and layout, and pack what the operators want packed; once after loading.

        Maps are channels last; with `plain`, small ones are plain instead, which oneDNN turns into blocks of
        channels and back. Its kernels for these are as fast at any size, and add up in one order.
        """
        for stage in self.encoder:
            stage.pack(dtype, plain)  # type: ignore[operator]
        for stage in self.decoder:
            stage.pack(dtype, plain)  # type: ignore[operator]
        self.deepest_side.pack(dtype, plain)  # type: ignore[operator]
        for side in self.sides:
            side.pack(dtype, plain)  # type: ignore[operator]

    def forward(self, photo: Tensor) -> Tensor:
        x = photo
        skips: list[Tensor] = []
        for i, stage in enumerate(self.encoder):
            x = stage(stage.entry(x if i == 0 else self.steps.pool(x)))  # type: ignore[operator]
            skips.append(x)
        # side outputs are taken as soon as they can be, so that no map is kept for them
        logits = upsample_like(self.deepest_side(skips.pop()), photo)
        for stage, side in zip(self.decoder, self.sides, strict=True):
            x = stage(stage.entry(x, skips.pop()))  # type: ignore[operator]
            logits = logits + upsample_like(side(x), photo)
        return torch.sigmoid(logits)


def rsus(stages: nn.ModuleList) -> list[Rsu]:
    """Return the blocks of an encoder or a decoder, in their order."""
    return [stage for stage in stages if isinstance(stage, Rsu)]


def float_network(network: U2Net) -> FusedU2Net:
    """`network`, in eval mode, for fp32, bf16 or fp16; its input is normalised."""
    small = {name: level >= SMALL for name, level in levels(network).items()}
    layers: dict[str, nn.Module] = {
        name: (FusedJoin if joins(name) else FusedConv)(*folded(layer), dilation_of(layer), small=small[name])
        for name, layer in convolutions(network)
    }
    for name, (taps, bias) in side_outputs(network).items():
        layers[name] = SideOutput(FusedConv(taps, torch.zeros(9), relu=False), bias)
    return FusedU2Net(network, layers, FloatSteps())


def levels(network: U2Net) -> dict[str, int]:
    """Convolution with batch norm -> how many times the maps that it reads were halved."""
    deepest = len(network.encoder) - 1
    stages = [(f"encoder.{i}", block, i) for i, block in enumerate(rsus(network.encoder))]
    stages += [(f"decoder.{i}", block, deepest - 1 - i) for i, block in enumerate(rsus(network.decoder))]
    found: dict[str, int] = {}
    for name, block, level in stages:
        inner = [level if block.dilated else level + i for i in range(len(block.down))]
        found |= {f"{name}.entry": level, f"{name}.bottom": inner[-1]}
        found |= {f"{name}.down.{i}": down for i, down in enumerate(inner)}
        found |= {f"{name}.up.{i}": up for i, up in enumerate(reversed(inner))}
    return found


def convolutions(network: U2Net) -> Iterator[tuple[str, ConvBnRelu]]:
    """Every convolution with batch norm and ReLU, by its name in the network."""
    for name, module in network.named_modules():
        if isinstance(module, ConvBnRelu):
            yield name, module


def joins(name: str) -> bool:
    """Whether a convolution reads a map and its skip connection, which have half of its channels each."""
    part, _, layer, *_ = name.split(".")
    return layer == "up" or (part, layer) == ("decoder", "entry")


def dilation_of(layer: ConvBnRelu) -> int:
    """Distance between the taps of a layer, the same in both directions."""
    return int(layer.conv.dilation[0])


def folded(layer: ConvBnRelu) -> tuple[Tensor, Tensor]:
    """Return weight (out, in, 3, 3) and bias (out,) of a layer in eval mode, its batch norm folded in."""
    conv, bn = layer.conv, layer.bn
    assert bn.running_mean is not None
    assert bn.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return weight.detach(), bias.detach()


def side_outputs(network: U2Net) -> dict[str, tuple[Tensor, float]]:
    """Return the nine taps (9, in, 1, 1) and the bias of each side output, with its share of the fused map.

    The 1x1 fusion is linear and upsampling keeps constants, so they may change places: the fused
    map is the plain sum of these.
    """
    fuse_weight, fuse_bias = (tensor.detach() for tensor in network.fuse.parameters())
    outputs = {}
    for i, (name, side) in enumerate(network.sides.named_children()):
        weight, bias = (tensor.detach() * fuse_weight[0, i, 0, 0] for tensor in side.parameters())
        # (1, in, 3, 3) -> nine 1x1 kernels (9, in, 1, 1), row by row as `SideOutput` shifts them
        taps = weight[0].permute(1, 2, 0).reshape(9, -1, 1, 1)
        outputs[f"sides.{name}"] = taps, float(bias + (fuse_bias if i == 0 else 0))
    return outputs
