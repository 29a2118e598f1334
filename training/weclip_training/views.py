"""Views of training images with all that the frozen backbone has to say about them.

A view is made once and used in every epoch. Only the pseudo label may change with the decoder,
through its learned affinity; where it does not, a view is settled: its label is made once and
what it was made from is let go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from weclip_napari.core.affinity import Transition, attention_affinity, patch_maps, refine
from weclip_napari.core.cam import GradCam
from weclip_napari.core.last_block import LastBlock
from weclip_napari.core.losses import IGNORE
from weclip_napari.core.network_input import network_input
from weclip_napari.core.par import PixelAdaptiveRefinement
from weclip_napari.core.prompts import PromptBank
from weclip_napari.core.pseudo_label import label_ids, pseudo_scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from weclip_napari.core.backbone import FrozenClip
    from weclip_napari.core.config import DecoderConfig


@dataclass(frozen=True)
class View:
    """One image as the decoder's training sees it.

    Attributes
    ----------
    tokens : Tensor
        (taps, n, C) float16, patch tokens of the tapped blocks.
    grid : tuple of int
        (h, w) patches.
    cams : Tensor
        (K, h, w) float32, Grad-CAMs of the image's tags.
    ids : Tensor
        (K,) int64, their label ids.
    maps : tuple of Tensor
        The attention maps between patches, (n, n) float16.
    pixels : Tensor
        (1, 3, H, W) float32, the normalised network input; empty once settled.
    label : Tensor or None
        (H, W) uint8, the final pseudo label of a settled view.
    """

    tokens: Tensor
    grid: tuple[int, int]
    cams: Tensor
    ids: Tensor
    maps: tuple[Tensor, ...]
    pixels: Tensor
    label: Tensor | None = None


class ViewBuilder:
    """Makes views and their pseudo labels with a frozen backbone.

    Parameters
    ----------
    backbone : FrozenClip
        Its config says how CAMs are refined.
    decoder : DecoderConfig
        Which blocks are tapped, and which label id each class has.
    prompts : mapping
        Class name -> prompt words; a class without an entry is its own prompt.
    """

    def __init__(
        self, backbone: FrozenClip, decoder: DecoderConfig, prompts: Mapping[str, Sequence[str]]
    ) -> None:
        self._backbone = backbone
        self._config = backbone.config
        self._decoder = decoder
        bank = PromptBank(backbone, self._config.template)
        self._background = bank.embed(self._config.background_words)
        self._words = torch.stack(
            [bank.embed_class(prompts.get(name, (name,))) for name in decoder.classes]
        )

    @torch.no_grad()
    def build(self, image: NDArray[np.uint8], tags: Sequence[str]) -> View:
        """Encode an image, (H, W, 3) uint8, and pull back the CAMs of its tags.

        Raises
        ------
        ValueError
            If a tag is not a class of the decoder.
        UserError
            If a side of the image is shorter than one patch.
        """
        pixels = network_input(self._backbone, image, self._config)
        features = self._backbone.encode(pixels)
        block = LastBlock(self._backbone, features)
        index = torch.tensor([self._decoder.classes.index(tag) for tag in tags], dtype=torch.long)
        grad_cam = GradCam(block, self._background, self._backbone.logit_scale)
        no_maps = torch.zeros(0, *features.grid)
        cams = grad_cam(self._words[index]).cam if len(index) else no_maps
        first, last = self._decoder.taps
        blocks = [*features.tokens[0, :, 1:], block.tokens[1:]][first - 1 : last]
        maps = tuple(a.half() for a in patch_maps(features, block))
        tokens = torch.stack(blocks).half()
        return View(tokens, features.grid, cams, index + 1, self._used(maps), pixels)

    def _used(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Keep the maps that the configured variants read; the others are never touched."""
        affinity = self._config.affinity
        if affinity.layers is None:
            return maps[-max(affinity.last_mean, affinity.last_filter) :]
        return tuple(maps[number - 1] for number in affinity.layers)

    def settle(self, view: View, ignore_margin: float = 0.0) -> View:
        """Return the view with the label of the "mean" variant for good, a third of the size."""
        label = self.pseudo_label(view, ignore_margin=ignore_margin)
        return replace(view, label=label, maps=(), pixels=view.pixels[..., :0, :0])

    @torch.no_grad()
    def refined(self, view: View, learned: Tensor | None = None) -> Tensor:
        """Return the refined CAMs, (K, h, w), not normalised, of a view that is not settled.

        With A_f, (n, n), the "filter" variant is used, else the "mean" variant.
        """
        config = replace(self._config.affinity, variant="mean" if learned is None else "filter")
        if config.layers is not None:  # only those maps were kept
            count = len(view.maps)
            config = replace(config, layers=None, last_mean=count, last_filter=count)
        affinity = attention_affinity([a.float() for a in view.maps], config, learned)
        return refine(Transition.of(affinity, config), view.cams, config.box_threshold)

    @torch.no_grad()
    def pseudo_label(
        self, view: View, learned: Tensor | None = None, ignore_margin: float = 0.0
    ) -> Tensor:
        """Return the pseudo label of a view, (H, W) uint8 at network input size.

        Parameters
        ----------
        view : View
            From :meth:`build`.
        learned : Tensor, optional
            (n, n), A_f; with it the "filter" variant is used.
        ignore_margin : float
            See :class:`~weclip_training.config.TrainConfig`.
        """
        if view.label is not None:
            return view.label
        height, width = view.pixels.shape[-2:]
        if not len(view.ids):
            return torch.zeros(height, width, dtype=torch.uint8)
        refined = self.refined(view, learned)
        par = PixelAdaptiveRefinement(view.pixels, (height, width))
        scores = pseudo_scores(
            refined, par, self._config.par_iterations, self._config.background_power
        )
        label = label_ids(scores, view.ids).to(torch.uint8)
        if ignore_margin > 0:
            best = scores.topk(2, dim=0).values
            label[best[0] - best[1] < ignore_margin] = IGNORE
        return label
