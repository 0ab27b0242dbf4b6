"""The network while it learns: one training step, a running mean of its weights, its file."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.files import whole
from model.network.u2net import ARCHITECTURES, U2Net, published_name
from model.training.precision import autocast
from model.weights.loading import load_network

State = dict[str, Tensor]


def new_network(seed: int) -> U2Net:
    """Return an untrained u2netp, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = U2Net(ARCHITECTURES["u2netp"])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            # batches are small and of several sizes: statistics of the last few would be chance
            module.momentum = 0.05
    begin_fusion(network)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def begin_fusion(network: U2Net) -> None:
    """Start the fused map as a mean that trusts the sharp side maps most.

    Chance weights would long hide the sharpest map, which is the last to look like a drawing.
    """
    trust = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.05, 0.05]).view(1, 6, 1, 1)
    network.fuse.load_state_dict({"weight": trust, "bias": torch.zeros(1)})


def loss_of(logits: list[Tensor], maps: Tensor, stray: float) -> Tensor:
    """Seven logits and the true line maps, each (B, 1, H, W), 1 ink -> the loss, a scalar.

    The published training sums binary cross-entropy over all seven maps (Qin et al., 2020, section
    3.3); the absolute error of the fused map keeps paper white and ink black. Ink far from every true
    line counts `stray` times more: where the network doubts, the background should go.
    """
    entropy = sum(F.binary_cross_entropy_with_logits(plane.float(), maps) for plane in logits)
    fused = torch.sigmoid(logits[0].float())
    far = -torch.log1p(-fused.clamp(max=0.999)) * _far_paper(maps)  # (B, 1, H, W), entropy of ink where none belongs
    return entropy + 2 * F.l1_loss(fused, maps) + stray * far.mean()


def _far_paper(maps: Tensor) -> Tensor:
    """Line maps (B, 1, H, W) -> 1 where no ink is within 15 pixels, else 0."""
    # largest of 31 x 31 pixels, rows first: two passes of 31 instead of one of 961
    near = F.max_pool2d(F.max_pool2d(maps, (31, 1), 1, (15, 0)), (1, 31), 1, (0, 15))
    return (near < 0.3).float()


Batch = tuple[Tensor, Tensor]  # normalised photos (B, 3, H, W), line maps (B, 1, H, W)


def twin_of(network: U2Net) -> U2Net:
    """Return a network with the very parameters of `network` and statistics of batch norm of its own."""
    return copy.deepcopy(network, {id(parameter): parameter for parameter in network.parameters()})


def train_step(
    networks: Sequence[U2Net], optimizer: torch.optim.Optimizer, batches: Sequence[Batch], stray: float
) -> float:
    """One step on a batch per network, the networks being twins -> its loss; `stray` is that of `loss_of`.

    Each twin runs in a thread of its own on one core: two threads inside one convolution's backward
    pass cost twice the time of two passes side by side.
    """
    optimizer.zero_grad()
    with ThreadPoolExecutor(len(networks), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        losses = list(pool.map(_backward, networks, batches, repeat(stray)))
    for parameter in networks[0].parameters():
        # twins share parameters, so the backward passes have added up their gradients
        if parameter.grad is not None:
            parameter.grad /= len(networks)
    nn.utils.clip_grad_norm_(networks[0].parameters(), 5.0)
    optimizer.step()
    _share_statistics(networks)
    return sum(losses) / len(losses)


def _backward(network: U2Net, batch: Batch, stray: float) -> float:
    photos, maps = batch
    with autocast():
        logits = network.side_logits(photos)
    loss = loss_of(logits, maps, stray)
    loss.backward()
    return loss.item()


@torch.no_grad()
def _share_statistics(networks: Sequence[U2Net]) -> None:
    for buffers in zip(*(network.buffers() for network in networks), strict=True):
        if buffers[0].is_floating_point():
            mean = torch.stack(buffers).mean(0)
            for buffer in buffers:
                buffer.copy_(mean)


def settle(network: U2Net) -> None:
    """From here on the statistics of batch norm stay as they are, as they will be in use."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


@torch.no_grad()
def measure_statistics(network: U2Net, batches: Iterable[Tensor]) -> None:
    """Replace the statistics of batch norm by their means over batches of photos (B, 3, H, W)."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    usual = norms[0].momentum
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's sign for a plain mean
    network.train()
    for photos in batches:
        with autocast():
            network(photos)
    for norm in norms:
        norm.momentum = usual


@torch.no_grad()
def blend(mean: State, network: U2Net, keep: float) -> None:
    """`mean` <- keep * mean + (1 - keep) * the network's tensors; counters are copied."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            mean[name].lerp_(tensor, 1 - keep)
        else:
            mean[name].copy_(tensor)


def mean_of(states: Sequence[State]) -> State:
    """Return the mean of every floating tensor; of counters, the first."""
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if first.is_floating_point() else first
        for name, first in states[0].items()
    }


def with_state(state: Mapping[str, Tensor]) -> U2Net:
    """Return a u2netp in eval mode with these tensors, under our names."""
    network = U2Net(ARCHITECTURES["u2netp"])
    network.load_state_dict(dict(state))
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def save_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """Write the published names in half precision. Raises ValueError for what half cannot hold."""
    halves = {published_name(name): _half(tensor) for name, tensor in state.items()}
    if not all(tensor.isfinite().all() for tensor in halves.values()):
        raise ValueError("weights: a value is not finite in half precision; train with a smaller rate")
    with whole(path) as part:
        safetensors.torch.save_file(halves, part)
        load_network(part)


def _half(tensor: Tensor) -> Tensor:
    return (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
