"""U^2-Net in eight bits, on plain uint8 tensors.

Every map is uint8 with 255 at the top of its channel's range. ReLU, pooling, upsampling,
concatenation and the residual sum work channel by channel and keep these units, so the
convolutions alone carry them: a channel's range goes into the weights that write it and into
those that read it, and no scale is left to multiply by at run time.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handler.onednn import convolve_bytes, pack_bytes
from model.network.fused import (
    FusedU2Net,
    SideOutput,
    Steps,
    convolutions,
    dilation_of,
    folded,
    joins,
    rsus,
    side_outputs,
)
from model.network.line_model import DEVIATION, MEAN
from model.network.u2net import Rsu, U2Net, upsample_like

Ranges = Mapping[str, Tensor]
"""Name of a convolution or a residual block -> largest value of each output channel, (out,)."""

MakeConv = Callable[..., "ByteConv"]
"""`ByteConv` or its like, with the largest magnitude of a weight settled."""

_TOP = 255
_EXACT = 2**24  # float32 holds every integer up to here
_MIDDLE = 116  # the mean of MEAN in bytes: weights work on small numbers of both signs
_QUIETEST = 0.02


class ByteConv(nn.Module):
    """Convolution on uint8 maps: uint8 out after ReLU, or float32 out without.

    `weight` and `bias` are those of maps in units of their ranges.
    """

    weight: Tensor

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        dilation: int = 1,
        framed: bool = False,
        zero_point: int = 0,
        relu: bool = True,
        top: int = 127,
    ) -> None:
        """`top` is the largest magnitude of an integer weight; `framed` maps come with what lies around them."""
        super().__init__()
        scale = weight.abs().amax((1, 2, 3)).clamp(min=1e-12) / top
        self.weight = nn.Buffer((weight / scale.view(-1, 1, 1, 1)).round().to(torch.int8))
        self.scale = nn.Buffer(scale)
        self.bias = nn.Buffer(bias)
        self.zero = nn.Buffer(torch.zeros(len(scale), dtype=torch.int32))
        self.dilation = [dilation, dilation]
        self.padding = [0 if framed else weight.shape[-1] // 2 * dilation] * 2
        self.zero_point = zero_point  # the value of x that stands for 0
        self.relu = relu

    @torch.jit.export
    def pack(self, dtype: torch.dtype, plain: bool) -> None:  # noqa: ARG002  the float layers use both
        """Pack the weights as this machine's kernels want them: a form that cannot be saved."""
        self.weight = pack_bytes(self.weight, self.scale, self.zero_point, self.padding, self.dilation, 1)

    def forward(self, x: Tensor) -> Tensor:
        dtype, activation = (torch.uint8, "relu") if self.relu else (torch.float32, "none")
        return convolve_bytes(
            x, self.zero_point, self.weight, self.scale, self.zero, self.bias,
            self.padding, self.dilation, 1, dtype, activation,
        )  # fmt: skip


class EmulatedConv(ByteConv):
    """`ByteConv` without its instructions: what it draws on CPUs that have them, within a rounding."""

    def pack(self, dtype: torch.dtype, plain: bool) -> None:
        """Nothing is packed."""

    def forward(self, x: Tensor) -> Tensor:
        steps, weight = x.float() - self.zero_point, self.weight.float()
        # so many channels that no sum leaves the integers of float32
        most = max(1, _EXACT // (_TOP * int(weight.abs().max()) * weight[0, 0].numel()))
        parts = [
            F.conv2d(_channels_last(s), _channels_last(w), None, 1, self.padding, self.dilation)
            for s, w in zip(steps.split(most, 1), weight.split(most, 1), strict=True)
        ]
        # two are rounded once when they are added, as one integer would be; more are added in float64
        sums = sum(parts) if len(parts) <= 2 else sum(part.double() for part in parts)
        assert isinstance(sums, Tensor)
        y = sums.float() * self.scale.view(-1, 1, 1) + self.bias.view(-1, 1, 1)
        return y.round().clamp(0, _TOP).to(torch.uint8) if self.relu else y


def _channels_last(x: Tensor) -> Tensor:
    """Return `x` in the layout that is fastest."""
    return x.contiguous(memory_format=torch.channels_last)


class PhotoConv(nn.Module):
    """The first convolution, on the photo itself: uint8 (B, 3, H, W) -> uint8 (B, out, H, W).

    `weight` is that of normalised photos; the normalisation goes into it. What lies around the
    photo is 0 after normalisation, so here it is the mean colour.
    """

    def __init__(self, weight: Tensor, bias: Tensor, make: "MakeConv") -> None:
        super().__init__()
        mean, deviation = torch.tensor(MEAN), torch.tensor(DEVIATION)
        per_step = weight / (deviation * _TOP).view(1, 3, 1, 1)
        bias = bias + (per_step.sum((2, 3)) * (_MIDDLE - mean * _TOP)).sum(1)
        self.conv = make(per_step, bias, framed=True, zero_point=_MIDDLE)
        self.around = nn.Buffer((mean * _TOP).round().to(torch.uint8).view(1, 3, 1, 1))

    @torch.jit.export
    def pack(self, dtype: torch.dtype, plain: bool) -> None:
        self.conv.pack(dtype, plain)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        framed = self.around.expand(batch, channels, height + 2, width + 2)
        framed = framed.contiguous(memory_format=torch.channels_last)
        framed[:, :, 1:-1, 1:-1] = x
        y: Tensor = self.conv(framed)
        return y


class ByteJoin(nn.Module):
    """`model.network.fused.FusedJoin` of uint8 maps."""

    quarters: list[Tensor]  # packed weights for each pixel of the four that one becomes

    def __init__(self, weight: Tensor, bias: Tensor, dilation: int, make: "MakeConv") -> None:
        super().__init__()
        self.conv = make(weight, bias, dilation)
        self.channels = weight.shape[1] // 2
        self.scale = nn.Buffer(torch.full([self.channels], 1 / 16))
        self.zero = nn.Buffer(torch.zeros(self.channels, dtype=torch.int32))
        self.quarters = []

    @torch.jit.export
    def pack(self, dtype: torch.dtype, plain: bool) -> None:
        self.conv.pack(dtype, plain)
        rows = torch.tensor([[1, 3, 0], [0, 3, 1]], dtype=torch.int8)
        self.quarters = [
            pack_bytes(
                (rows[i // 2].unsqueeze(1) * rows[i % 2]).expand(self.channels, 1, 3, 3).contiguous(),
                self.scale, 0, [0, 0], [1, 1], self.channels,
            )
            for i in range(4)
        ]  # fmt: skip

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        y: Tensor = self.conv(self.join(deep, skip))
        return y

    def join(self, deep: Tensor, skip: Tensor) -> Tensor:
        """`deep` brought to the size of `skip` and put before it: (B, C, h, w), (B, C, H, W) -> (B, 2 C, H, W)."""
        batch, _, height, width = skip.shape
        both = torch.empty(
            [batch, 2 * self.channels, height, width], dtype=torch.uint8, memory_format=torch.channels_last
        )
        if height == deep.shape[2] and width == deep.shape[3]:
            both[:, : self.channels] = deep
        elif height == 2 * deep.shape[2] and width == 2 * deep.shape[3]:
            self._double(deep, both)
        else:
            # truncation after adding a half rounds; torch's own way from float to uint8 is slow
            both[:, : self.channels] = upsample_like(deep.float() + 0.5, skip).to(torch.int16)
        both[:, self.channels :] = skip
        return both

    def _double(self, deep: Tensor, both: Tensor) -> None:
        """Write `deep` at twice its size, bilinear, into the first channels of `both`.

        Every pixel becomes four, each a mix of it and its neighbours on one side by 9, 3, 3 and 1
        sixteenths: four convolutions of channels by themselves, which uint8 has fast kernels for.
        """
        framed = F.pad(deep, [1, 1, 1, 1], "replicate")
        for i, taps in enumerate(self.quarters):
            both[:, : self.channels, i // 2 :: 2, i % 2 :: 2] = convolve_bytes(
                framed, 0, taps, self.scale, self.zero, None, [0, 0], [1, 1], self.channels, torch.uint8, "none"
            )


class ByteSteps(Steps):
    """On uint8 maps."""

    def pool(self, x: Tensor) -> Tensor:
        # torch pools no plain uint8; the last row or column of an odd side stands alone
        rows = torch.maximum(x[:, :, 0 : x.shape[2] // 2 * 2 : 2], x[:, :, 1::2])
        if x.shape[2] % 2:
            rows = torch.cat((rows, x[:, :, -1:]), 2)
        y = torch.maximum(rows[..., 0 : x.shape[3] // 2 * 2 : 2], rows[..., 1::2])
        return torch.cat((y, rows[..., -1:]), 3) if x.shape[3] % 2 else y

    def add(self, x: Tensor, entry: Tensor) -> Tensor:
        # a sum beyond 255 has to stay there instead of starting again from 0
        return torch.minimum(x, entry.bitwise_not()).add_(entry)


def int8_network(network: U2Net, ranges: Ranges, top: int, emulated: bool = False) -> FusedU2Net:
    """`network`, in eval mode, in int8; its input is uint8 photos whose brightest value is 255.

    `top` is the largest magnitude of an integer weight, as in `handler.module_info.WEIGHT_TOPS`. `emulated`: in
    floating point, on any CPU; slow, and not for export.
    """
    make: MakeConv = partial(EmulatedConv if emulated else ByteConv, top=top)
    units = activation_scales(network, ranges)
    layers: dict[str, nn.Module] = {}
    for name, layer in convolutions(network):
        weight, bias = folded(layer)
        inputs, outputs = units[name]
        weight, bias = weight / outputs.view(-1, 1, 1, 1), bias / outputs
        if name == "encoder.0.entry":
            layers[name] = PhotoConv(weight, bias, make)
            continue
        weight = weight * inputs.view(1, -1, 1, 1)
        if joins(name):
            layers[name] = ByteJoin(weight, bias, dilation_of(layer), make)
        else:
            layers[name] = make(weight, bias, dilation_of(layer))
    for name, (taps, side_bias) in side_outputs(network).items():
        inputs, _ = units[name]
        conv = make(taps * inputs.view(1, -1, 1, 1), torch.zeros(9), relu=False)
        layers[name] = SideOutput(conv, side_bias)
    return FusedU2Net(network, layers, ByteSteps())


def activation_scales(network: U2Net, ranges: Ranges) -> dict[str, tuple[Tensor, Tensor]]:
    """Layer -> what one step of uint8 is worth in each channel that it reads and that it writes."""
    unit = {name: _unit(top) for name, top in ranges.items()}
    found: dict[str, tuple[Tensor, Tensor]] = {}
    written = torch.ones(3)
    skips: list[Tensor] = []
    for i, block in enumerate(rsus(network.encoder)):
        found.update(_block_units(f"encoder.{i}", block, written, unit))
        written = unit[f"encoder.{i}"]
        skips.append(written)
    features = [skips.pop()]
    for i, block in enumerate(rsus(network.decoder)):
        found.update(_block_units(f"decoder.{i}", block, torch.cat((written, skips.pop())), unit))
        written = unit[f"decoder.{i}"]
        features.append(written)
    found.update((f"sides.{i}", (u, torch.ones(1))) for i, u in enumerate(reversed(features)))
    return found


def _block_units(name: str, block: Rsu, read: Tensor, unit: Ranges) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
    """Both terms of the residual sum, and the sum itself, are in the units of the sum."""
    written = unit[name]
    yield f"{name}.entry", (read, written)
    skips: list[Tensor] = []
    for i in range(len(block.down)):
        read, written = written, unit[f"{name}.down.{i}"]
        yield f"{name}.down.{i}", (read, written)
        skips.append(written)
    read, written = written, unit[f"{name}.bottom"]
    yield f"{name}.bottom", (read, written)
    last = len(block.up) - 1
    for i in range(len(block.up)):
        read, written = torch.cat((written, skips.pop())), unit[name if i == last else f"{name}.up.{i}"]
        yield f"{name}.up.{i}", (read, written)


def _unit(top: Tensor) -> Tensor:
    # a channel that hardly fires must not blow up the weights that write it
    return top.clamp(min=float(top.max()) * _QUIETEST).clamp(min=1e-6) / _TOP
