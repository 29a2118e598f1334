"""The optimiser of the decoder and its learning rate, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.optim import AdamW

if TYPE_CHECKING:
    from torch import nn

RATE = 2e-3
WEIGHT_DECAY = 0.01
WARMUP_STEPS = 50
WARMUP_START = 1e-6


def rate_factor(step: int, total: int, *, warmup: int = WARMUP_STEPS, power: float = 1.0) -> float:
    """Return the factor on the base learning rate at a step counted from zero.

    It rises linearly from one millionth during `warmup` steps and then falls as
    (1 - step / total) ** power. Warm-up steps count towards `total`, so the factor jumps down
    to 1 - warmup / total when they end.
    """
    if step < warmup:
        return 1 - (1 - step / warmup) * (1 - WARMUP_START)
    remaining: float = (1 - step / total) ** power
    return remaining


def make_optimizer(decoder: nn.Module, rate: float = RATE) -> AdamW:
    """Return AdamW over all parameters; weight decay also acts on biases and norms."""
    return AdamW(
        decoder.parameters(),
        lr=rate,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=WEIGHT_DECAY,
        fused=True,
    )
