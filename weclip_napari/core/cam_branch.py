"""The CAM branch: prompt words -> Grad-CAMs -> refined CAMs -> scores of every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from weclip_napari.core.affinity import refine
from weclip_napari.core.cam import normalise
from weclip_napari.core.prompts import PromptBank
from weclip_napari.core.pseudo_label import pseudo_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from weclip_napari.core.encoded_image import EncodedImage
    from weclip_napari.core.model import WeclipModel

Words = tuple[str, ...]
"""Prompt words of one tag; their mean vector stands for it."""


@dataclass(frozen=True)
class CamEvidence:
    """What the CAM branch says about K tags.

    Attributes
    ----------
    probabilities : Tensor
        (K,) class scores.
    cam, refined : Tensor
        (K, h, w) in [0, 1] on the patch grid.
    scores : Tensor
        (K + 1, H', W') on the canvas, background first; their argmax is the pseudo label.
    """

    probabilities: Tensor
    cam: Tensor
    refined: Tensor
    scores: Tensor


class CamBranch:
    """Grad-CAM, affinity and refinement for tags in words.

    Parameters
    ----------
    model : WeclipModel
        The text vectors of its background words are computed here.
    """

    def __init__(self, model: WeclipModel) -> None:
        self._config = model.config
        self._bank = PromptBank(model.backbone, model.config.template)
        self.background = self._bank.embed(model.config.background_words)

    def embed(self, tags: Sequence[Words]) -> Tensor:
        """Return the unit vectors (K, joint) of tags."""
        return self._bank.embed_classes(tags)

    def tagged_background(self, tags: Sequence[Words]) -> Words:
        """Return the background words that are tags, which therefore don't count as background."""
        tagged = {word.casefold() for words in tags for word in words}
        return tuple(word for word in self._config.background_words if word.casefold() in tagged)

    @torch.no_grad()
    def evidence(self, encoded: EncodedImage, tags: Sequence[Words], power: float) -> CamEvidence:
        """Return what speaks for each tag.

        Parameters
        ----------
        encoded : EncodedImage
            The image.
        tags : sequence of tuple of str
            K tags.
        power : float
            Exponent of the background score.
        """
        result = encoded.grad_cam(self.embed(tags), self._background_of(tags))
        refined = refine(encoded.transition, result.cam, self._config.affinity.box_threshold)
        scores = pseudo_scores(refined, encoded.par, self._config.par_iterations, power)
        probabilities = result.probabilities[: len(tags)]
        return CamEvidence(probabilities, result.cam, normalise(refined), scores)

    def _background_of(self, tags: Sequence[Words]) -> Tensor | None:
        tagged = self.tagged_background(tags)
        left = [word for word in self._config.background_words if word not in tagged]
        return self._bank.embed(left) if tagged and left else None
