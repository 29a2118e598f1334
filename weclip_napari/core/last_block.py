"""The last block of the frozen CLIP on one image, forward and exactly backward.

Grad-CAM needs, for a direction v of the joint space, W(v): the mean over the patches of the
gradient of f . v with respect to Z, where f is the unit image feature and Z = ln_1(X) the
block's normalised input. Only that mean is wanted and no parameter's gradient, so most of the
attention's backward pass collapses (its softmax rows sum to one) and that of the input projection
becomes one matrix-vector product. The forward pass is shared by all directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from weclip_napari.core.attention import project_heads

if TYPE_CHECKING:
    from weclip_napari.core.backbone import FrozenClip, LayerFeatures

_BATCH = 8  # directions pulled back at once; bounds the memory of the MLP's gradient


@dataclass(frozen=True)
class _Normed:
    """A layer norm's output before its affine part, with what its backward pass needs."""

    unit: Tensor
    inverse_std: Tensor
    weight: Tensor

    @classmethod
    def of(cls, x: Tensor, norm: Any) -> _Normed:
        centred = x - x.mean(-1, keepdim=True)
        inverse_std = torch.rsqrt(centred.square().mean(-1, keepdim=True) + norm.eps)
        return cls(centred * inverse_std, inverse_std, norm.weight)

    def pull_back(self, gradient: Tensor) -> Tensor:
        """Pull (..., n, C) at the norm's output back to its input."""
        gradient = gradient * self.weight
        along = (gradient * self.unit).mean(-1, keepdim=True)
        return (gradient - gradient.mean(-1, keepdim=True) - self.unit * along) * self.inverse_std

    def split(self, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Pull (k, C), the same at all patches, back in two parts.

        Returns a and b, (k, 1, C) and (k, n, 1), of the result (a - b * unit) * inverse_std.
        """
        gradient = gradient * self.weight
        along = gradient @ self.unit.T / gradient.shape[-1]
        return (gradient - gradient.mean(-1, keepdim=True))[:, None], along[..., None]


class LastBlock:
    """Block L of the backbone applied to one image, in float32.

    Parameters
    ----------
    backbone : FrozenClip
        The model.
    features : LayerFeatures
        Of the blocks before.
    index : int
        Which image of the batch.

    Attributes
    ----------
    grid : tuple of int
        (h, w) patches, n in all.
    z : Tensor
        (n, C), ln_1 of the block's input at the patches.
    tokens : Tensor
        (n+1, C), the block's output.
    attention : Tensor
        (n+1, n+1), mean over the heads.
    feature : Tensor
        (joint,), unit image feature f: projected mean of the normalised patch tokens.
    """

    @torch.no_grad()
    def __init__(self, backbone: FrozenClip, features: LayerFeatures, index: int = 0) -> None:
        visual = backbone.visual
        self._visual = visual
        self._block = visual.transformer.resblocks[-1]
        self.grid = features.grid
        self._attend(features.tokens[index, -1])
        self._classify()

    def _attend(self, x: Tensor) -> None:
        """Run the attention and the MLP on (n+1, C) tokens."""
        block = self._block
        z = block.ln_1(x)
        self.z = z[1:]
        queries, keys, values = project_heads(block.attn, z[None])
        self._queries, self._keys, self._values = queries[0], keys[0], values[0]
        self._weights = torch.softmax(self._queries @ self._keys.transpose(1, 2), dim=-1)
        self.attention = self._weights.mean(dim=0)
        context = self._weights @ self._values
        self._context = context[:, 1:]
        x = x + block.ls_1(block.attn.out_proj(context.transpose(0, 1).flatten(1)))
        self._middle = _Normed.of(x[1:], block.ln_2)
        self._hidden = block.mlp.c_fc(block.ln_2(x))
        self.tokens = x + block.ls_2(block.mlp.c_proj(block.mlp.gelu(self._hidden)))

    def _classify(self) -> None:
        """Pool the patches to the unit image feature."""
        self._end = _Normed.of(self.tokens[1:], self._visual.ln_post)
        pooled = self._visual.ln_post(self.tokens[1:]).mean(dim=0) @ self._visual.proj
        self._feature_norm = pooled.norm()
        self.feature = pooled / self._feature_norm

    @torch.no_grad()
    def pull_back(self, directions: Tensor) -> Tensor:
        """Return W(v), (k, C), of k directions v, (k, joint)."""
        return torch.cat([self._pull_back(part) for part in torch.split(directions, _BATCH)])

    def _pull_back(self, directions: Tensor) -> Tensor:
        across = directions - (directions @ self.feature)[:, None] * self.feature
        pooled = across @ self._visual.proj.T / (self._feature_norm * len(self.z))
        constant, along = self._end.split(pooled)
        gradient = (constant - along * self._end.unit) * self._end.inverse_std
        hidden = torch.addcmul(self._into_mlp(constant), along, self._unit_into_mlp, value=-1)
        hidden.mul_(self._activation_slope)
        gradient += self._middle.pull_back(hidden @ self._block.mlp.c_fc.weight)
        gradient = _scaled(gradient, self._block.ls_1) @ self._block.attn.out_proj.weight
        input_weight: Tensor = self._block.attn.in_proj_weight
        return self._pull_back_attention(gradient) @ input_weight

    def _into_mlp(self, gradient: Tensor) -> Tensor:
        """Pull (..., C) at the block's output back through the MLP's last layer."""
        weight: Tensor = self._block.mlp.c_proj.weight
        return _scaled(gradient, self._block.ls_2) @ weight

    @cached_property
    def _unit_into_mlp(self) -> Tensor:
        """The part of every direction's gradient that differs between patches, up to a factor."""
        return self._into_mlp(self._end.unit)

    @cached_property
    def _activation_slope(self) -> Tensor:
        """Derivative of the MLP's activation, whatever it is, times the final norm's scale."""
        with torch.enable_grad():
            hidden = self._hidden[1:].detach().requires_grad_()
            slope: Tensor = torch.autograd.grad(self._block.mlp.gelu(hidden).sum(), hidden)[0]
        return slope.mul_(self._end.inverse_std)

    def _pull_back_attention(self, gradient: Tensor) -> Tensor:
        """Pull (k, n, C) at the attended context back to the patch mean at Q, K, V, (k, 3C).

        With g_i the gradient at context i, and s_ij = P_ij (g_i . v_j - g_i . context_i) the one
        at the logits, the sums over j of s_ij vanish. So the patch sum at V is
        sum_i (1 - P_i0) g_i, the one at K is -sum_i s_i0 q_i, and only the one at Q needs the
        column sums of s, hence P^T g.
        """
        k, n, _ = gradient.shape
        heads, _, size = self._values.shape
        g = gradient.view(k, n, heads, size).permute(2, 1, 0, 3)  # heads, n, k, d
        inner = torch.einsum("hnkd,hnd->hnk", g, self._context)
        rows = self._weights[:, 1:]
        spread = rows.transpose(1, 2) @ torch.cat([g, inner[..., None]], -1).flatten(2)
        spread = spread.view(heads, n + 1, k, size + 1)
        columns = torch.einsum("hjkd,hjd->hjk", spread[..., :-1], self._values) - spread[..., -1]
        first = rows[:, :, :1]
        at_first = first * (torch.einsum("hnkd,hd->hnk", g, self._values[:, 0]) - inner)
        at_queries = torch.einsum("hjk,hjd->khd", columns, self._keys) * size**-0.5
        at_keys = -torch.einsum("hnk,hnd->khd", at_first, self._queries[:, 1:])
        at_values = torch.einsum("hnk,hnkd->khd", 1 - first.expand(-1, -1, k), g)
        return torch.stack([at_queries, at_keys, at_values], dim=1).flatten(1) / n


def _scaled(gradient: Tensor, layer_scale: Any) -> Tensor:
    gamma: Tensor | None = getattr(layer_scale, "gamma", None)
    return gradient if gamma is None else gradient * gamma
