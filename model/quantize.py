"""int8: the ranges of the network's maps, recorded on calibration photos, and the quality gate."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from model.drawing import Drawing
from model.fused import convolutions
from model.u2net import Rsu, U2Net


def record_ranges(network: U2Net, photos: Iterable[Tensor]) -> dict[str, Tensor]:
    """Largest value of each channel that any convolution or residual block writes.

    `photos` are uint8 RGB (B, 3, H, W). Returns name in `network` -> float32 (channels,).
    """
    ranges: dict[str, Tensor] = {}

    def watch(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def record(_module: nn.Module, _inputs: object, maps: Tensor) -> None:
            top = maps.amax((0, 2, 3))
            ranges[name] = torch.maximum(ranges[name], top) if name in ranges else top

        return record

    watched = [*convolutions(network), *((n, m) for n, m in network.named_modules() if isinstance(m, Rsu))]
    handles = [module.register_forward_hook(watch(name)) for name, module in watched]
    drawing = Drawing(network).eval()
    with torch.inference_mode():
        for photo in photos:
            drawing(photo)
    for handle in handles:
        handle.remove()
    return ranges
