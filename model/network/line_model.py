"""Photo tensors in, line maps out: what belongs to the weights around the network.

Mean, deviation, division by the photo's maximum and the inversion are those of the published
inference script (U-2-Net, `u2net_portrait_test.py` and `data_loader.py`).
"""

import torch
from torch import Tensor, nn

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
FLAT = 0.02
"""A fused map whose values all lie this close together holds no line: stretching it would only
draw its noise."""


class LineModel(nn.Module):
    """A network with everything its weights expect around it.

    uint8 RGB (B, 3, H, W), H and W from 32 -> float32 line maps (B, H, W) in [0, 1], 0 ink and
    1 paper. The network's input has the type of `mean`.
    """

    mean: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.mean = nn.Buffer(torch.tensor(MEAN).view(1, 3, 1, 1))
        self.deviation = nn.Buffer(torch.tensor(DEVIATION).view(1, 3, 1, 1))
        self.flat = FLAT

    def forward(self, photos: Tensor) -> Tensor:
        return self.drawn(self.network(self.normalised(photos)), photos)

    @torch.jit.export
    def normalised(self, photos: Tensor) -> Tensor:
        """uint8 (B, 3, H, W) -> the network's input, channels last; a black photo stays black."""
        brightest = photos.amax((1, 2, 3), keepdim=True).clamp(min=1)  # (B, 1, 1, 1)
        scaled = photos.float() / brightest
        normal = (scaled - self.mean.float()) / self.deviation.float()
        return normal.to(self.mean.dtype).contiguous(memory_format=torch.channels_last)

    @torch.jit.export
    def drawn(self, fused: Tensor, photos: Tensor) -> Tensor:
        """Fused maps (B, 1, H, W) and their photos -> line maps (B, H, W); of one colour, all paper."""
        # the network answers to the photo's frame alone then, and stretching would make that black
        plain = (photos.amax((2, 3)) == photos.amin((2, 3))).all(1).view(-1, 1, 1)
        lines = self.lines(fused)
        return torch.where(plain, torch.ones_like(lines), lines)

    @torch.jit.export
    def lines(self, fused: Tensor) -> Tensor:
        """Fused maps (B, 1, H, W) -> float32 line maps (B, H, W), each stretched to [0, 1]."""
        maps = fused[:, 0].float()  # (B, H, W)
        low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
        spread = high - low
        stretched = 1 - (maps - low) / spread.clamp(min=self.flat)
        return torch.where(spread < self.flat, torch.ones_like(maps), stretched)


class FusedLineModel(LineModel):
    """What is exported; runs after `pack`."""

    @torch.jit.export
    def pack(self, dtype: torch.dtype, plain: bool) -> None:
        """Settle, once after loading, how the network computes: see `model.network.fused.FusedU2Net.pack`."""
        self.mean = self.mean.to(dtype)
        self.network.pack(dtype, plain)  # type: ignore[operator]


class ByteLineModel(FusedLineModel):
    """What is exported in int8; its network reads the photo's bytes and normalises them itself."""

    def forward(self, photos: Tensor) -> Tensor:
        return self.drawn(self.network(self.brightened(photos)), photos)

    @torch.jit.export
    def brightened(self, photos: Tensor) -> Tensor:
        """uint8 (B, 3, H, W) -> the same with 255 as each photo's maximum; black stays black."""
        brightest = photos.amax((1, 2, 3), keepdim=True).clamp(min=1)
        return (photos.float() * (255 / brightest) + 0.5).to(torch.int16).to(torch.uint8)
