"""The CAM branch: prompt words -> Grad-CAMs -> refined CAMs -> scores of every pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from weclip_napari.core.affinity import refine
from weclip_napari.core.cam import normalise
from weclip_napari.core.prompts import PromptBank
from weclip_napari.core.pseudo_label import background_score, tag_scores, with_background
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from weclip_napari.core.cam import CamResult
    from weclip_napari.core.encoded_image import EncodedImage
    from weclip_napari.core.model import WeclipModel
    from weclip_napari.core.par import PixelAdaptiveRefinement

Words = tuple[str, ...]
"""Prompt words of one tag; their mean vector stands for it."""


class Prompting(NamedTuple):
    """What the tags' words are put into, and what they compete with.

    Attributes
    ----------
    template : str
        Prompt with ``{}`` in place of the words.
    background : tuple of str
        The background words; none only where the model itself has none.
    """

    template: str
    background: Words

    def tagged(self, tags: Sequence[Words]) -> Words:
        """Return the background words that are tags, which therefore don't count as background."""
        tagged = {word.casefold() for words in tags for word in words}
        return tuple(word for word in self.background if word.casefold() in tagged)

    def left(self, tags: Sequence[Words]) -> Words:
        """Return the background words that are no tags; all if that would leave none."""
        tagged = self.tagged(tags)
        return tuple(word for word in self.background if word not in tagged) or self.background


class CamEvidence:
    """What the CAM branch says about K tags.

    Parameters
    ----------
    result : CamResult
        Grad-CAMs, of which the first K probabilities are the tags'.
    refined : Tensor
        (K, h, w) CAMs spread along the affinity.
    par : PixelAdaptiveRefinement
        Of the canvas.
    iterations : int
        Steps of it.

    Attributes
    ----------
    probabilities : Tensor
        (K,) class scores.
    cam, refined : Tensor
        (K, h, w) in [0, 1] on the patch grid.
    """

    def __init__(
        self, result: CamResult, refined: Tensor, par: PixelAdaptiveRefinement, iterations: int
    ) -> None:
        self.probabilities = result.probabilities[: len(refined)]
        self.cam = result.cam
        self.refined = normalise(refined)
        self._spread = refined
        self._par = par
        self._iterations = iterations
        self._background: Tensor | None = None
        self._tags: Tensor | None = None
        self._scores: tuple[float, Tensor] | None = None

    @torch.no_grad()
    def scores(self, power: float) -> Tensor:
        """Return scores, (K + 1, H', W') on the canvas, of the background to a power and the tags.

        Their argmax is the pseudo label. The refinement is linear in each channel, so that
        another power refines one channel only.
        """
        if self._scores is None or self._scores[0] != power:
            self._scores = (power, self._refine_all(power))
        return self._scores[1]

    def _refine_all(self, power: float) -> Tensor:
        if self._background is None or self._tags is None:
            tags = tag_scores(self._spread, self._par.size)
            self._background = background_score(tags)
            scores = self._par(with_background(tags, power), self._iterations)
            self._tags = scores[1:]
            return scores
        return torch.cat([self._par(self._background**power, self._iterations), self._tags])


class CamBranch:
    """Grad-CAM, affinity and refinement for tags in words.

    Parameters
    ----------
    model : WeclipModel
        The text vectors of its background words are computed here.
    """

    def __init__(self, model: WeclipModel) -> None:
        self._config = model.config
        self._backbone = model.backbone
        self._banks: dict[str, PromptBank] = {}
        self.own = Prompting(model.config.template, tuple(model.config.background_words))
        self.background = self._bank(self.own.template).embed(self.own.background)

    def prompting(self, template: str | None, background: Sequence[str] | None) -> Prompting:
        """Return the model's prompting with another template or other background words.

        Raises
        ------
        UserError
            If the template has no place for a tag, or there are no background words.
        """
        template = self.own.template if template is None else template.strip()
        if "{}" not in template:
            raise UserError(
                f"The prompt template {template!r} has no {{}} where the tag goes. "
                "Write one such as 'a photo of a {}.'."
            )
        if background is None:
            return self.own._replace(template=template)
        words = tuple(dict.fromkeys(word.strip() for word in background if word.strip()))
        if not words:
            raise UserError(
                "There are no background words. Name at least one thing that surrounds what is "
                "tagged, such as 'ground'."
            )
        return Prompting(template, words)

    def embed(self, tags: Sequence[Words], template: str) -> Tensor:
        """Return the unit vectors (K, joint) of tags."""
        return self._bank(template).embed_classes(tags)

    @torch.no_grad()
    def grad_cam(
        self, encoded: EncodedImage, tags: Sequence[Words], prompting: Prompting
    ) -> CamResult:
        """Return the Grad-CAMs of K tags in an image."""
        vectors = self.embed(tags, prompting.template)
        result: CamResult = encoded.grad_cam(vectors, self._background(tags, prompting))
        return result

    @torch.no_grad()
    def evidence(
        self, encoded: EncodedImage, tags: Sequence[Words], prompting: Prompting
    ) -> CamEvidence:
        """Return what speaks for each of K tags in an image."""
        result = self.grad_cam(encoded, tags, prompting)
        refined = refine(encoded.transition, result.cam, self._config.affinity.box_threshold)
        return CamEvidence(result, refined, encoded.par, self._config.par_iterations)

    def logits(self, encoded: EncodedImage, tags: Sequence[Words], prompting: Prompting) -> Tensor:
        """Return CLIP's logits (K + B,) of K tags and the background words that are no tags."""
        words = torch.cat([self.embed(tags, prompting.template), self._background(tags, prompting)])
        logits: Tensor = encoded.grad_cam.logit_scale * (words @ encoded.block.feature)
        return logits

    def _background(self, tags: Sequence[Words], prompting: Prompting) -> Tensor:
        words = prompting.left(tags)
        if (prompting.template, words) == self.own:
            return self.background
        return self._bank(prompting.template).embed(words)

    def _bank(self, template: str) -> PromptBank:
        if template not in self._banks:
            self._banks[template] = PromptBank(self._backbone, template)
        return self._banks[template]
