"""The precision of training's passes: bf16 where the CPU computes in it, else fp32."""

import torch

from handler.precision import natively_bf16


def autocast() -> torch.autocast:
    """Return a context for a forward pass. Emulated bf16 takes minutes for a step that takes seconds in fp32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=natively_bf16())
