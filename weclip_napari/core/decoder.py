"""The only trained part: features of many CLIP blocks -> logits and learned affinity.

Each tapped block has a small two-layer projection of its own, and one linear layer fuses them.
The fused map F gives both the affinity A_f = sigmoid(F^T F) and, through a few transformer
blocks, the segmentation logits, one vector per patch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from weclip_napari.core.attention import project_heads

if TYPE_CHECKING:
    from weclip_napari.core.config import DecoderConfig


@dataclass(frozen=True)
class DecoderOutput:
    """What one forward pass gives.

    Attributes
    ----------
    logits : Tensor
        (b, classes + 1, h, w), channel 0 is the background.
    fused : Tensor
        (b, width, h, w), the fused features F, after dropout.
    """

    logits: Tensor
    fused: Tensor

    @cached_property
    def affinity(self) -> Tensor:
        """A_f, (b, n, n) in (0, 1), patches row-major; gradients flow into F. Computed once."""
        features = self.fused.flatten(2)
        return torch.sigmoid(features.transpose(1, 2) @ features)


_QUICK_GELU = 1.702


class QuickGELUMLP(nn.Sequential):
    """Linear, QuickGELU, linear, where QuickGELU(x) = x * sigmoid(1.702 x), as in CLIP.

    That is silu(1.702 x) / 1.702. Both factors go into the weights, which are much smaller than
    the activations of a batch.
    """

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to the same shape."""
        enter, act, leave = cast("tuple[nn.Linear, nn.SiLU, nn.Linear]", tuple(self.children()))
        hidden = act(F.linear(x, _QUICK_GELU * enter.weight, _QUICK_GELU * enter.bias))
        return F.linear(hidden, leave.weight / _QUICK_GELU, leave.bias)


class DecoderBlock(nn.Module):
    """A pre-norm transformer block without dropout.

    Attention starts with Xavier-uniform projections and zero biases, everything else with
    PyTorch's defaults.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm_2 = nn.LayerNorm(width)
        self.mlp = QuickGELUMLP(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, n, width) tokens to tokens of the same shape."""
        q, k, v = project_heads(self.attention, self.norm_1(x))
        context = F.scaled_dot_product_attention(q, k, v, scale=1.0)
        x = x + self.attention.out_proj(context.transpose(1, 2).flatten(2))
        y: Tensor = x + self.mlp(self.norm_2(x))
        return y


class WeclipDecoder(nn.Module):
    """WeCLIP's decoder for one class set and one backbone width.

    Parameters
    ----------
    config : DecoderConfig
        Classes, tapped blocks and sizes.
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        first, last = config.taps
        width = config.width
        self.taps = nn.ModuleList(
            nn.Sequential(nn.Linear(config.in_width, width), nn.ReLU(), nn.Linear(width, width))
            for _ in range(first, last + 1)
        )
        self.fuse = nn.Linear(len(self.taps) * width, width)
        self.dropout = nn.Dropout2d(config.dropout)
        self.blocks = nn.Sequential(
            *(DecoderBlock(width, config.heads) for _ in range(config.layers))
        )
        self.predict = nn.Linear(width, len(config.classes) + 1)

    def forward(
        self, layer_tokens: Tensor, grid: tuple[int, int], channel_mask: Tensor | None = None
    ) -> DecoderOutput:
        """Decode the patch tokens of the tapped blocks.

        Parameters
        ----------
        layer_tokens : Tensor
            (b, taps, n, in_width), outputs of the tapped blocks without the class token.
        grid : tuple of int
            (h, w) with h * w = n.
        channel_mask : Tensor, optional
            (b, width), multiplies the channels of F in place of dropout.
        """
        fused = self._drop(self._fuse(layer_tokens), channel_mask)
        decoded: Tensor = self.predict(self.blocks(fused))
        return DecoderOutput(logits=_to_map(decoded, grid), fused=_to_map(fused, grid))

    def _fuse(self, layer_tokens: Tensor) -> Tensor:
        """Project and fuse; the last two linear layers, with nothing between them, act as one."""
        hidden, weights = [], []
        bias: Tensor = self.fuse.bias
        columns = self.fuse.weight.chunk(len(self.taps), dim=1)
        for tap, own, tokens in zip(self.taps, columns, layer_tokens.unbind(1), strict=True):
            enter, act, leave = cast("tuple[nn.Linear, nn.ReLU, nn.Linear]", tuple(tap.children()))
            hidden.append(act(enter(tokens)))
            weights.append(own @ leave.weight)
            bias = bias + own @ leave.bias
        return F.linear(torch.cat(hidden, dim=-1), torch.cat(weights, dim=1), bias)

    def _drop(self, fused: Tensor, channel_mask: Tensor | None) -> Tensor:
        if channel_mask is not None:
            return fused * channel_mask[:, None]
        dropped: Tensor = self.dropout(fused.transpose(1, 2).unsqueeze(-1))
        return dropped.squeeze(-1).transpose(1, 2)


def _to_map(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Lay (b, n, c) row-major tokens out as (b, c, h, w)."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], *grid)
