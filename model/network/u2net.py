"""U^2-Net, the two-level nested U that turns a photo into a map of lines.

Written from the paper: Qin, Zhang, Huang, Dehghan, Zaiane and Jagersand, "U^2-Net: Going Deeper
with Nested U-Structure for Salient Object Detection", Pattern Recognition 106 (2020), 107404.
Both published sizes are here: `u2net` (44,009,869 parameters) and `u2netp` (1,131,181).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Stage(NamedTuple):
    """One residual U-block: its depth, its inner and its outer channels."""

    height: int
    mid: int
    out: int
    dilated: bool = False


class Architecture(NamedTuple):
    """The stages in the order in which they run."""

    encoder: tuple[Stage, ...]
    decoder: tuple[Stage, ...]


U2NET = Architecture(
    encoder=(
        Stage(7, 32, 64),
        Stage(6, 32, 128),
        Stage(5, 64, 256),
        Stage(4, 128, 512),
        Stage(4, 256, 512, dilated=True),
        Stage(4, 256, 512, dilated=True),
    ),
    decoder=(
        Stage(4, 256, 512, dilated=True),
        Stage(4, 128, 256),
        Stage(5, 64, 128),
        Stage(6, 32, 64),
        Stage(7, 16, 64),
    ),
)


def _small(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    return tuple(stage._replace(mid=16, out=64) for stage in stages)


U2NETP = Architecture(_small(U2NET.encoder), _small(U2NET.decoder))
ARCHITECTURES = {"u2net": U2NET, "u2netp": U2NETP}


def pool(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, ceil(H / 2), ceil(W / 2))."""
    # ceil_mode: odd sizes round up, as the weights were trained
    return F.max_pool2d(x, kernel_size=2, stride=2, ceil_mode=True)


def upsample_like(x: Tensor, target: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, H, W), bilinear, to the height and width of `target`."""
    return F.interpolate(x, size=target.shape[2:], mode="bilinear", align_corners=False)


class ConvBnRelu(nn.Module):
    """3x3 convolution that keeps the size, batch norm, ReLU: (B, in, H, W) -> (B, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Rsu(nn.Module):
    """Residual U-block of section 3.1 of the paper: (B, in, H, W) -> (B, stage.out, H, W).

    A plain block halves the size on its way down; a dilated one (RSU-4F) widens its convolutions.
    `up` is kept in the order in which it runs, deepest first.
    """

    def __init__(self, in_channels: int, stage: Stage) -> None:
        super().__init__()
        height, mid, out, self.dilated = stage
        steps = [2**i if self.dilated else 1 for i in range(height - 1)]
        self.entry = ConvBnRelu(in_channels, out)
        self.down = nn.ModuleList(ConvBnRelu(mid if i else out, mid, step) for i, step in enumerate(steps))
        self.bottom = ConvBnRelu(mid, mid, 2 * steps[-1])
        self.up = nn.ModuleList(
            ConvBnRelu(2 * mid, mid if i else out, step) for i, step in reversed(list(enumerate(steps)))
        )

    def forward(self, x: Tensor) -> Tensor:
        entry: Tensor = self.entry(x)
        x = entry
        skips: list[Tensor] = []
        # down: (B, mid, H / 2^i, W / 2^i) after layer i, or all at (H, W) where the block is dilated
        for i, layer in enumerate(self.down):
            x = layer(x if i == 0 or self.dilated else pool(x))
            skips.append(x)
        x = self.bottom(x)
        # up again: each layer sees the map from below, enlarged, beside the skip of its own size
        for layer in self.up:
            skip = skips.pop()
            x = layer(torch.cat((upsample_like(x, skip), skip), 1))
        return entry + x


class U2Net(nn.Module):
    """The whole network; `decoder` is kept in the order in which it runs, deepest first."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        encoder, decoder = architecture
        inputs = [3, *(stage.out for stage in encoder[:-1])]
        self.encoder = nn.ModuleList(map(Rsu, inputs, encoder))
        skips = [stage.out for stage in encoder[-2::-1]]
        below = [encoder[-1].out, *(stage.out for stage in decoder[:-1])]
        self.decoder = nn.ModuleList(
            Rsu(skip + deep, stage) for skip, deep, stage in zip(skips, below, decoder, strict=True)
        )
        outputs = [stage.out for stage in (*decoder[::-1], encoder[-1])]
        self.sides = nn.ModuleList(nn.Conv2d(out, 1, 3, padding=1) for out in outputs)
        self.fuse = nn.Conv2d(len(outputs), 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised float32 (B, 3, H, W), H and W from 32 -> fused map in (0, 1), (B, 1, H, W)."""
        return self.side_maps(x)[0]

    def side_maps(self, x: Tensor) -> list[Tensor]:
        """Normalised float32 (B, 3, H, W) -> seven maps in (0, 1), each (B, 1, H, W), fused first.

        The other six are the side outputs, shallowest first, all at the size of the input.
        """
        return [torch.sigmoid(logits) for logits in self.side_logits(x)]

    def side_logits(self, x: Tensor) -> list[Tensor]:
        """As `side_maps`, before the sigmoid."""
        skips: list[Tensor] = []
        # six stages, each at half the size of the one before: (B, out, H / 2^i, W / 2^i)
        for i, stage in enumerate(self.encoder):
            x = stage(x if i == 0 else pool(x))
            skips.append(x)
        features = [skips.pop()]
        # deepest first; the order of the concatenation is that of the published weights
        for stage in self.decoder:
            skip = skips.pop()
            x = stage(torch.cat((upsample_like(x, skip), skip), 1))
            features.append(x)
        features.reverse()  # shallowest first, as the side outputs are numbered
        sides: list[Tensor] = []
        for i, side in enumerate(self.sides):
            logits = side(features[i])
            sides.append(logits if i == 0 else upsample_like(logits, sides[0]))
        fused: list[Tensor] = [self.fuse(torch.cat(sides, 1))]
        return fused + sides


_STAGES = {
    f"{part}.{i}": (f"stage{i + 1}" if part == "encoder" else f"stage{len(stages) - i}d", stage)
    for part, stages in U2NET._asdict().items()
    for i, stage in enumerate(stages)
}
_LAYERS = {"conv": "conv_s1", "bn": "bn_s1"}


def published_name(name: str) -> str:
    """Our name of a tensor -> its name in the published checkpoints of both sizes.

    `encoder.0.up.4.conv.weight` -> `stage1.rebnconv2d.conv_s1.weight`.
    """
    match name.split("."):
        case ["fuse", field]:
            return f"outconv.{field}"
        case ["sides", index, field]:
            return f"side{int(index) + 1}.{field}"
        case [part, index, *block, layer, field]:
            published, stage = _STAGES[f"{part}.{index}"]
            return f"{published}.rebnconv{_block(block, stage.height)}.{_LAYERS[layer]}.{field}"
    raise ValueError(f"{name} is no tensor of U^2-Net")


def _block(block: list[str], height: int) -> str:
    match block:
        case ["entry"]:
            return "in"
        case ["down", index]:
            return str(int(index) + 1)
        case ["bottom"]:
            return str(height)
        case ["up", index]:
            return f"{height - 1 - int(index)}d"
    raise ValueError(f"{'.'.join(block)} is no layer of a residual U-block")
