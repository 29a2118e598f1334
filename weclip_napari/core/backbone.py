"""The frozen CLIP: image -> tokens and attention of every block but the last, prompt -> vector.

Attention is computed explicitly instead of by PyTorch's fused kernel, since WeCLIP needs the
head-averaged maps. The last block belongs to `cam`, which differentiates it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn

from weclip_napari.core.attention import project_heads
from weclip_napari.core.device import encoder_autocast
from weclip_napari.core.weights import fingerprint_of
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import open_clip
    from numpy.typing import NDArray

    from weclip_napari.core.config import WeclipConfig


@dataclass(frozen=True)
class LayerFeatures:
    """What the blocks 1..L-1 give for a batch of images.

    Attributes
    ----------
    tokens : Tensor
        (b, L-1, n+1, C) float32, block outputs; token 0 is the class token.
    attention : Tensor
        (b, L-1, n+1, n+1) float32, mean over the heads, rows are queries and sum to one; without
        maps (b, 0, n+1, n+1) if they were not asked for.
    grid : tuple of int
        (h, w) patches, row-major; h * w = n.
    """

    tokens: Tensor
    attention: Tensor
    grid: tuple[int, int]


class FrozenClip:
    """A CLIP whose image tower is a plain vision transformer; nothing in it is trained.

    Parameters
    ----------
    clip : open_clip.CLIP
        Put in eval mode, in float32, on `device`, without gradients.
    tokenizer : callable
        Texts -> (k, context) token ids, as of ``open_clip.get_tokenizer``.
    config : WeclipConfig
        Pixel constants.
    device : torch.device
        Where to compute.

    Raises
    ------
    UserError
        If the image tower is of another kind, or has not the blocks that `config` names.
    """

    def __init__(
        self,
        clip: open_clip.CLIP,
        tokenizer: Callable[[list[str]], Tensor],
        config: WeclipConfig,
        device: torch.device,
    ) -> None:
        _check_supported(clip, config.backbone)
        _check_layers(config, len(clip.visual.transformer.resblocks))
        self.clip = clip.to(device).float().eval().requires_grad_(False)
        self.visual: Any = clip.visual
        self.config = config
        self.device = device
        self._tokenizer = tokenizer
        self._mean = torch.tensor(config.pixel_mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(config.pixel_std, device=device).view(1, 3, 1, 1)

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return int(self.visual.conv1.kernel_size[0])

    @property
    def depth(self) -> int:
        """Number of blocks L."""
        return len(self.visual.transformer.resblocks)

    @property
    def width(self) -> int:
        """Width C of the tokens."""
        return int(self.visual.conv1.out_channels)

    @property
    def joint_width(self) -> int:
        """Width of the space that images and texts share."""
        return int(self.visual.proj.shape[1])

    @property
    def logit_scale(self) -> float:
        """Factor between cosines and logits of the class scores."""
        return float(self.clip.logit_scale.exp())

    @cached_property
    def fingerprint(self) -> str:
        """What `fingerprint_of` gives for the image tower's weights; decoders are tied to it."""
        return fingerprint_of(self.visual.state_dict())

    def preprocess(self, image: NDArray[np.uint8], size: tuple[int, int] | None = None) -> Tensor:
        """Normalise an image and resize it, bilinear, half-pixel centres, no antialiasing.

        Parameters
        ----------
        image : ndarray of uint8
            (H, W, 3), RGB.
        size : tuple of int, optional
            (H', W') of the result; by default the image's own.

        Returns
        -------
        Tensor
            (1, 3, H', W') float32.
        """
        pixels = torch.from_numpy(image.copy()).to(self.device).permute(2, 0, 1)[None].float()
        pixels = (pixels - self._mean) / self._std
        if size is None or size == pixels.shape[-2:]:
            return pixels
        return F.interpolate(pixels, size=size, mode="bilinear", align_corners=False)

    @torch.no_grad()
    def encode(self, pixels: Tensor, *, attention: bool = True) -> LayerFeatures:
        """Run all blocks but the last.

        Parameters
        ----------
        pixels : Tensor
            (b, 3, H, W) from `preprocess`; pixels beyond the last whole patch are not seen.
        attention : bool
            Whether to return the attention maps.

        Raises
        ------
        UserError
            If a side is shorter than one patch.
        """
        blocks = self.visual.transformer.resblocks[:-1]
        with encoder_autocast(self.device):
            x, grid = self._embed(pixels)
            batch, length, width = x.shape
            tokens = x.new_empty(batch, len(blocks), length, width, dtype=torch.float32)
            maps = len(blocks) if attention else 0
            attended = x.new_zeros(batch, maps, length, length, dtype=torch.float32)
            for i, block in enumerate(blocks):
                x = run_block(block, x, attended[:, i] if attention else None)
                tokens[:, i] = x
        return LayerFeatures(tokens, attended, grid)

    @torch.no_grad()
    def tapped_tokens(self, features: LayerFeatures, taps: tuple[int, int]) -> Tensor:
        """Return the patch tokens (b, blocks, n, C) of the blocks taps[0]..taps[1], from 1.

        The last block is only run if it is among them.
        """
        first, last = taps
        tokens = features.tokens[:, first - 1 : last]
        if last == self.depth:
            with encoder_autocast(self.device):
                final = self.visual.transformer.resblocks[-1](features.tokens[:, -1])
            tokens = torch.cat([tokens, final[:, None].float()], dim=1)
        return tokens[:, :, 1:]

    @torch.no_grad()
    def encode_text(self, prompts: Sequence[str]) -> Tensor:
        """Return unit text embeddings (k, joint) float32 of whole prompts."""
        tokens = self._tokenizer(list(prompts)).to(self.device)
        return F.normalize(cast("Tensor", self.clip.encode_text(tokens)).float(), dim=-1)

    def _embed(self, pixels: Tensor) -> tuple[Tensor, tuple[int, int]]:
        height, width = pixels.shape[-2:]
        if min(height, width) < self.patch:
            raise UserError(
                f"The image has {height} x {width} pixels, but one patch of this model is "
                f"{self.patch} x {self.patch}. Use a larger image."
            )
        visual = self.visual
        x = visual.conv1(pixels)
        grid = (x.shape[2], x.shape[3])
        x = x.flatten(2).transpose(1, 2)
        first = visual.class_embedding.expand(x.shape[0], 1, -1).to(x.dtype)
        x = torch.cat([first, x], dim=1) + self.positions(grid).to(x.dtype)
        return cast("Tensor", visual.ln_pre(x)), grid

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Return the position embeddings (n+1, C) of a grid; see `resize_positions`."""
        return resize_positions(self.visual, grid)


def resize_positions(visual: VisionTransformer, grid: tuple[int, int]) -> Tensor:
    """Resize the stored grid of position embeddings, bilinear with half-pixel centres.

    Parameters
    ----------
    visual : VisionTransformer
        An image tower; gradients flow into its embeddings where they are wanted.
    grid : tuple of int
        (h, w) patches, n in all.

    Returns
    -------
    Tensor
        (n+1, C), the class token's first.
    """
    stored: Tensor = visual.positional_embedding
    rows, columns = visual.grid_size
    if grid == (rows, columns):
        return stored
    patches = stored[1:].T.reshape(1, -1, rows, columns)
    patches = F.interpolate(patches, size=grid, mode="bilinear", align_corners=False)
    return torch.cat([stored[:1], patches[0].flatten(1).T])


def run_block(block: Any, x: Tensor, attention: Tensor | None) -> Tensor:
    """Run one transformer block.

    Parameters
    ----------
    block : ResidualAttentionBlock
        One of open_clip's.
    x : Tensor
        (b, n+1, C).
    attention : Tensor, optional
        (b, n+1, n+1) of zeros, receives the head-averaged attention.

    Returns
    -------
    Tensor
        (b, n+1, C).
    """
    if attention is None:
        return cast("Tensor", block(x))
    q, k, v = project_heads(block.attn, block.ln_1(x))
    context = torch.empty_like(v)
    for head in range(q.shape[1]):
        weights = torch.softmax(q[:, head] @ k[:, head].transpose(1, 2), dim=-1)
        attention.add_(weights, alpha=1 / q.shape[1])
        context[:, head] = weights.to(v.dtype) @ v[:, head]
    x = x + block.ls_1(block.attn.out_proj(context.transpose(1, 2).flatten(2)))
    return cast("Tensor", x + block.ls_2(block.mlp(block.ln_2(x))))


def _check_supported(clip: nn.Module, name: str) -> None:
    visual = getattr(clip, "visual", None)
    if (
        not isinstance(visual, VisionTransformer)
        or visual.attn_pool is not None
        or not all(isinstance(b, ResidualAttentionBlock) for b in visual.transformer.resblocks)
        or len(visual.transformer.resblocks) < 2
    ):
        raise UserError(
            f"The image tower of {name!r} is not a plain vision transformer with a class token, "
            "which WeCLIP needs. Choose an open_clip ViT such as ViT-B-16-quickgelu or ViT-L-14."
        )


def _check_layers(config: WeclipConfig, depth: int) -> None:
    layers = config.affinity.layers or ()
    if max(layers, default=0) > depth:
        raise UserError(
            f"The affinity's layers {layers} are not all among the {depth} blocks of "
            f"{config.backbone!r}. Check the checkpoint's JSON."
        )
