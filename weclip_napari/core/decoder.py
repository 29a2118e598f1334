"""The only trained part: features of many CLIP blocks -> logits and learned affinity.

Each tapped block has a small two-layer projection of its own, and one linear layer fuses them.
The fused map F gives both the affinity A_f = sigmoid(F^T F) and, through a few transformer
blocks, the segmentation logits, one vector per patch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

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


class QuickGELU(nn.Module):
    """CLIP's approximation of GELU."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x * sigmoid(1.702 x)."""
        return x * torch.sigmoid(1.702 * x)


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
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), QuickGELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, n, width) tokens to tokens of the same shape."""
        normed = self.norm_1(x)
        x = x + self.attention(normed, normed, normed, need_weights=False)[0]
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
        pairs = zip(self.taps, layer_tokens.unbind(1), strict=True)
        fused: Tensor = self.fuse(torch.cat([tap(tokens) for tap, tokens in pairs], dim=-1))
        return fused

    def _drop(self, fused: Tensor, channel_mask: Tensor | None) -> Tensor:
        if channel_mask is not None:
            return fused * channel_mask[:, None]
        dropped: Tensor = self.dropout(fused.transpose(1, 2).unsqueeze(-1))
        return dropped.squeeze(-1).transpose(1, 2)


def _to_map(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Lay (b, n, c) row-major tokens out as (b, c, h, w)."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], *grid)
