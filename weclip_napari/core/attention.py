"""The first half of multi-head attention, written out: PyTorch's module hides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor, nn


def project_heads(attention: nn.MultiheadAttention, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Project (b, n, C) to queries, keys and values, each (b, heads, n, d).

    The queries are already divided by sqrt(d).
    """
    batch, length, _ = z.shape
    qkv = F.linear(z, attention.in_proj_weight, attention.in_proj_bias)
    q, k, v = qkv.view(batch, length, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    return q * q.shape[-1] ** -0.5, k, v
