"""The network while it learns: one training step, a running mean of its weights, its file."""

import os
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.loading import load_network
from model.u2net import ARCHITECTURES, U2Net, published_name

State = dict[str, Tensor]


def new_network(seed: int) -> U2Net:
    """An untrained u2netp, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = U2Net(ARCHITECTURES["u2netp"])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            # batches are small and of several sizes: statistics of the last few would be chance
            module.momentum = 0.03
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def loss_of(logits: list[Tensor], maps: Tensor) -> Tensor:
    """Seven logits and the true line maps, each (B, 1, H, W), 1 ink -> the loss, a scalar.

    The published training sums binary cross-entropy over all seven maps (Qin et al., 2020, section
    3.3); the absolute error of the fused map keeps paper white and ink black.
    """
    entropy = sum(F.binary_cross_entropy_with_logits(plane.float(), maps) for plane in logits)
    return entropy + 2 * F.l1_loss(torch.sigmoid(logits[0].float()), maps)


def train_step(network: U2Net, optimizer: torch.optim.Optimizer, photos: Tensor, maps: Tensor) -> float:
    """One step on normalised photos (B, 3, H, W) and line maps (B, 1, H, W) -> its loss."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = network.side_logits(photos)
    loss = loss_of(logits, maps)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimizer.step()
    return loss.item()


def settle(network: U2Net) -> None:
    """From here on the statistics of batch norm stay as they are, as they will be in use."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


@torch.no_grad()
def blend(mean: State, network: U2Net, keep: float) -> None:
    """`mean` <- keep * mean + (1 - keep) * the network's tensors; counters are copied."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            mean[name].lerp_(tensor, 1 - keep)
        else:
            mean[name].copy_(tensor)


def with_state(state: Mapping[str, Tensor]) -> U2Net:
    """A u2netp in eval mode with these tensors, under our names."""
    network = U2Net(ARCHITECTURES["u2netp"])
    network.load_state_dict(dict(state))
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def save_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """Writes the published names in half precision. Raises ValueError for what half cannot hold."""
    halves = {published_name(name): _half(tensor) for name, tensor in state.items()}
    if not all(tensor.isfinite().all() for tensor in halves.values()):
        raise ValueError("weights: a value is not finite in half precision; train with a smaller rate")
    part = path.with_suffix(".part.safetensors")
    safetensors.torch.save_file(halves, part)
    load_network(part)
    os.replace(part, path)


def _half(tensor: Tensor) -> Tensor:
    return (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
