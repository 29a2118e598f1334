"""Views of training images with all that the frozen backbone has to say about them.

A view is made once and used in every epoch. Only the pseudo label may change with the decoder,
through its learned affinity; where it does not, a view is settled: its label is made once and
what it was made from is let go.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from weclip_napari.core.affinity import Transition, attention_affinity, patch_maps, refine
from weclip_napari.core.cam import GradCam
from weclip_napari.core.cam_branch import Prompting
from weclip_napari.core.classes import ClassSet
from weclip_napari.core.last_block import LastBlock
from weclip_napari.core.losses import IGNORE
from weclip_napari.core.network_input import network_input
from weclip_napari.core.par import PixelAdaptiveRefinement
from weclip_napari.core.prompts import PromptBank
from weclip_napari.core.pseudo_label import label_ids, pseudo_scores
from weclip_training.augment import UNKNOWN, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from weclip_napari.core.backbone import FrozenClip
    from weclip_napari.core.config import DecoderConfig, WeclipConfig


VIEW_VERSION = 2
"""Counts up whenever a view is made otherwise than before, so that kept ones are made anew."""


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
    image_size : tuple of int
        (height, width) of the image that was encoded.
    target : Tensor
        (H, W) int16, what is known of the labels; see `weclip_training.targets`.
    label : Tensor or None
        (H, W) uint8, the pseudo label of a settled view.
    """

    tokens: Tensor
    grid: tuple[int, int]
    cams: Tensor
    ids: Tensor
    maps: tuple[Tensor, ...]
    pixels: Tensor
    target: Tensor
    image_size: tuple[int, int]
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
    config : WeclipConfig, optional
        Prompt, background words and refinement, where they are not the backbone's own.
    """

    def __init__(
        self,
        backbone: FrozenClip,
        decoder: DecoderConfig,
        prompts: Mapping[str, Sequence[str]],
        config: WeclipConfig | None = None,
    ) -> None:
        self._backbone = backbone
        self._config = config or backbone.config
        self._decoder = decoder
        self._bank = PromptBank(backbone, self._config.template)
        self._prompting = Prompting(self._config.template, self._config.background_words)
        self._prompts = [tuple(prompts.get(name, (name,))) for name in decoder.classes]
        self._words = torch.stack([self._bank.embed_class(words) for words in self._prompts])

    @property
    def classes(self) -> int:
        """How many classes there are besides the background."""
        return len(self._decoder.classes)

    @property
    def input_long_side(self) -> int:
        """Long side of the images that the backbone is made for, in pixels."""
        return self._config.input_long_side

    @property
    def device(self) -> torch.device:
        """Where the backbone is."""
        return self._backbone.device

    @property
    def signature(self) -> str:
        """What tells the views of this builder from those of any other."""
        facts = {
            "version": VIEW_VERSION,
            "backbone": self._backbone.fingerprint,
            "config": self._config.to_json(),
            "taps": self._decoder.taps,
            "words": hashlib.sha256(self._words.cpu().numpy().tobytes()).hexdigest(),
            "classes": self._decoder.classes,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def build(self, image: NDArray[np.uint8], tags: Sequence[str], scale: float = 1.0) -> View:
        """Encode an image at `scale` times the model's own input size.

        Parameters
        ----------
        image : ndarray of uint8
            (H, W, 3), RGB.
        tags : sequence of str
            What the pseudo label may hold; without any there is none but background.
        scale : float
            Of the long side.

        Raises
        ------
        UserError
            If a tag is not a class of the decoder, or a side of the image is shorter than one
            patch.
        """
        long_side = max(self._backbone.patch, round(scale * self._config.input_long_side))
        config = replace(self._config, input_long_side=long_side)
        return self._view(network_input(self._backbone, image, config), tags, _size(image))

    def crop(self, image: NDArray[np.uint8], tags: Sequence[str]) -> View:
        """Encode an image pixel by pixel; see `build`."""
        return self._view(self._backbone.preprocess(image), tags, _size(image))

    def with_target(self, view: View, target: NDArray[np.int16]) -> View:
        """Return the view with what is known of its labels, (H, W) of any size."""
        known = torch.from_numpy(nearest(target, (view.target.shape[0], view.target.shape[1])))
        return replace(view, target=known.to(view.target.device))

    @torch.no_grad()
    def _view(self, pixels: Tensor, tags: Sequence[str], size: tuple[int, int]) -> View:
        features = self._backbone.encode(pixels, attention=len(tags) > 0)
        first, last = taps = self._decoder.taps
        ids = self._ids(tags)
        nothing = torch.full(pixels.shape[-2:], UNKNOWN, dtype=torch.int16, device=pixels.device)
        if not tags:
            tokens = self._backbone.tapped_tokens(features, taps)[0].half()
            cams = tokens.new_zeros(0, *features.grid, dtype=torch.float32)
            return View(tokens, features.grid, cams, ids, (), pixels, nothing, size)
        block = LastBlock(self._backbone, features)
        grad_cam = GradCam(block, self._background(ids), self._backbone.logit_scale)
        cams = grad_cam(self._words[ids - 1]).cam
        blocks = [*features.tokens[0, :, 1:], block.tokens[1:]][first - 1 : last]
        maps = tuple(a.half() for a in patch_maps(features, block))
        tokens = torch.stack(blocks).half()
        return View(tokens, features.grid, cams, ids, self._used(maps), pixels, nothing, size)

    def _background(self, ids: Tensor) -> Tensor:
        """Return the vectors of the background words that are no tags, as proposals use them."""
        tagged = [self._prompts[label_id - 1] for label_id in ids.tolist()]
        return self._bank.embed(self._prompting.left(tagged))

    def _ids(self, tags: Sequence[str]) -> Tensor:
        """Return the label ids, (K,) int64, of tags."""
        device = self._backbone.device
        classes = ClassSet.from_names(self._decoder.classes)
        return torch.tensor([classes.label_id(tag) for tag in tags], device=device).long()

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
            See :class:`~weclip_training.config.FitConfig`.
        """
        if view.label is not None:
            return view.label
        height, width = view.pixels.shape[-2:]
        if not len(view.ids):
            return torch.zeros(height, width, dtype=torch.uint8, device=view.ids.device)
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


def _size(image: NDArray[np.uint8]) -> tuple[int, int]:
    return image.shape[0], image.shape[1]
