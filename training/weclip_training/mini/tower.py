"""The image tower of the embedded CLIP in training: forward pass and structured start."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from open_clip.pos_embed import get_2d_sincos_pos_embed
from torch.nn import functional as F

from weclip_napari.core.attention import project_heads
from weclip_napari.core.backbone import resize_positions

if TYPE_CHECKING:
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
    from torch import Tensor, nn


def embed_patches(visual: VisionTransformer, pixels: Tensor) -> Tensor:
    """Class token and patches with resized positions, after ``ln_pre``; (b, n + 1, width)."""
    patches = visual.conv1(pixels)
    height, width = patches.shape[-2:]
    tokens = torch.cat(
        [
            visual.class_embedding.expand(len(pixels), 1, -1),
            patches.flatten(2).transpose(1, 2),
        ],
        dim=1,
    )
    return cast("Tensor", visual.ln_pre(tokens + resize_positions(visual, (height, width))))


def attend(attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
    """Self-attention written out: on a CPU in bfloat16 twice as fast as the fused kernel."""
    q, k, v = project_heads(attention, x)
    weights = (q @ k.transpose(-1, -2)).softmax(-1).to(v.dtype)
    return cast("Tensor", attention.out_proj((weights @ v).transpose(1, 2).reshape(x.shape)))


def forward_tower(visual: VisionTransformer, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Run the tower and, beside it, the value path of the last block.

    Grad-CAM reads the last block's normalised input, and with a residual stream the class
    evidence can bypass it; a loss on the value path alone (every token attending to itself
    only) makes the evidence go through.

    Returns
    -------
    tuple of Tensor
        Patch tokens after ``ln_post`` and value-path tokens after ``ln_post``, both
        (b, n, width).
    """
    x = embed_patches(visual, pixels)
    blocks: list[ResidualAttentionBlock] = list(visual.transformer.resblocks)
    for block in blocks[:-1]:
        x = x + attend(block.attn, block.ln_1(x))
        x = x + block.mlp(block.ln_2(x))
    last = blocks[-1]
    z = last.ln_1(x)
    width = z.shape[-1]
    weight, bias = last.attn.in_proj_weight[2 * width :], last.attn.in_proj_bias[2 * width :]
    values = last.attn.out_proj(F.linear(z[:, 1:], weight, bias))
    x = x + attend(last.attn, z)
    x = x + last.mlp(last.ln_2(x))
    return visual.ln_post(x[:, 1:]), visual.ln_post(values)


@torch.no_grad()
def start_tower(visual: VisionTransformer, pixels: Tensor, generator: torch.Generator) -> None:
    """Structured start: whitened patch filters, sine positions, tied queries and keys.

    Parameters
    ----------
    visual : VisionTransformer
        Changed in place.
    pixels : Tensor of float32, shape (b, 3, S, S)
        Normalised images whose patches are whitened.
    generator : torch.Generator
        Source of the random rotations.
    """
    _whiten_patch_filters(visual, pixels, generator)
    width = visual.conv1.weight.shape[0]
    positions = get_2d_sincos_pos_embed(width, visual.grid_size[0], cls_token=True)
    visual.positional_embedding.copy_(0.6 * torch.from_numpy(positions).float())
    for block in visual.transformer.resblocks:
        heads = block.attn.num_heads
        rows = torch.cat([_rotation(width, generator)[: width // heads] for _ in range(heads)])
        for part in (0, 1):
            jitter = torch.randn(width, width, generator=generator)
            block.attn.in_proj_weight[part * width : (part + 1) * width] = (
                0.6 * rows + 0.02 * jitter
            )
        block.attn.out_proj.weight.mul_(0.7)
        block.mlp.c_proj.weight.mul_(0.7)


def _rotation(width: int, generator: torch.Generator) -> Tensor:
    rotation: Tensor = torch.linalg.qr(torch.randn(width, width, generator=generator))[0]
    return rotation


def _whiten_patch_filters(
    visual: VisionTransformer, pixels: Tensor, generator: torch.Generator
) -> None:
    weight = visual.conv1.weight
    patch = weight.shape[-1]
    patches = F.unfold(pixels, patch, stride=patch).transpose(1, 2).reshape(-1, 3 * patch**2)
    patches = patches[torch.randperm(len(patches), generator=generator)[:20000]]
    _, singular, directions = torch.linalg.svd(patches - patches.mean(0), full_matrices=False)
    spread = singular / len(patches) ** 0.5
    width = min(len(weight), len(directions))
    filters = directions[:width] / (spread[:width, None] + 0.1 * spread[0].clamp_max(3))
    filters = _rotation(len(weight), generator)[:, :width] @ filters
    weight.copy_((filters / (patches @ filters.T).std()).reshape(weight.shape))
