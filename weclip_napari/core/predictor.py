"""Tags -> masks: encode an image once, then propose for any tags, quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from weclip_napari.core.branches import (
    BranchName,
    choose_branches,
    deciding_branches,
    decoder_branch,
)
from weclip_napari.core.cam_branch import CamBranch, CamEvidence, Prompting, Words
from weclip_napari.core.classes import ClassSet
from weclip_napari.core.encoded_image import EncodedImage
from weclip_napari.core.fusion import label_map, sharpened, uncertainty
from weclip_napari.core.measures import (
    Measures,
    class_peaks,
    disagreement,
    found_classes,
    missing_tags,
)
from weclip_napari.core.notes import background_notes, branch_notes, size_notes
from weclip_napari.core.proposal import Proposal
from weclip_napari.core.typed_tags import look_up, prompt_words, tidy
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from weclip_napari.core.model import WeclipModel

__all__ = ["Predictor", "Proposal"]


class Predictor:
    """Proposes masks with one model.

    Parameters
    ----------
    model : WeclipModel
        A frozen CLIP, with a decoder or without.
    """

    def __init__(self, model: WeclipModel) -> None:
        self.model = model
        self._cams = CamBranch(model)
        known = () if model.decoder is None else model.decoder.config.classes
        self._decoded = ClassSet.from_names(known)
        self._encoded: EncodedImage | None = None

    def set_image(self, image: NDArray[np.uint8]) -> None:
        """Encode an image and make it the one to propose for; see `encode`."""
        self._encoded = None
        self._encoded = self.encode(image)

    def encode(
        self, image: NDArray[np.uint8], state: dict[str, Tensor] | None = None
    ) -> EncodedImage:
        """Encode an image, to be made the one to propose for by `use`.

        Parameters
        ----------
        image : ndarray of uint8
            (H, W, 3), RGB in [0, 255].
        state : dict of Tensor, optional
            What `EncodedImage.state` gave for it; the encoder then does not run.

        Raises
        ------
        UserError
            If a side is shorter than one patch.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"need (H, W, 3) of uint8, not {image.shape} of {image.dtype}")
        return EncodedImage(self.model, self._cams.background, image, state)

    def use(self, encoded: EncodedImage) -> None:
        """Propose for this image from now on; what is known about it is kept with it."""
        self._encoded = encoded

    @torch.no_grad()
    def propose(
        self,
        tags: Sequence[str],
        *,
        synonyms: Mapping[str, str] | None = None,
        branch: BranchName = "auto",
        background_power: float | None = None,
        thresholds: Mapping[str, float] | None = None,
        scales: Sequence[float] | None = None,
        flip: bool | None = None,
        crf: bool = False,
        template: str | None = None,
        background_words: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ) -> Proposal:
        """Propose masks for the tags of the image.

        Parameters
        ----------
        tags : sequence of str
            What the image shows.
        synonyms : mapping, optional
            From a tag to other words for the prompt.
        branch : {"auto", "cam", "decoder", "both"}
            ``"auto"`` takes the tags that the decoder knows from it, ``"both"`` from the mean of
            its and the CAMs' probabilities; either takes the others from the CAMs.
        background_power : float, optional
            Exponent of the background score; the model's by default.
        thresholds : mapping, optional
            From a tag to the probability below which its pixels become background.
        scales : sequence of float, optional
            Test-time scales of the decoder; the model's by default.
        flip : bool, optional
            Whether the decoder sees the mirror image too; the model's choice by default.
        crf : bool
            Whether to sharpen by a dense CRF, which is an optional extra.
        template : str, optional
            Prompt with ``{}`` where a tag's words go; the model's by default.
        background_words : sequence of str, optional
            Words that compete with the tags; the model's by default.
        classes : sequence of str, optional
            What to look for besides the tags, for the measures; the decoder's classes by default.

        Returns
        -------
        Proposal
            At the image's size.

        Raises
        ------
        UserError
            If there are no tags, if only the decoder may answer but does not know a tag or does
            not exist, if the template or the background words cannot be used, or if the dense CRF
            is not installed.
        """
        tags = tidy(tags)
        branches = choose_branches(self.model, self._decoded, tags, branch)
        prompting = self._cams.prompting(template, background_words)
        encoded, config = self._image(), self.model.config
        words = [prompt_words(tag, synonyms) for tag in tags]
        power = config.background_power if background_power is None else background_power
        cams = self._cam_evidence(encoded, words, prompting)
        scores = cams.scores(power)
        logits = None if branch == "cam" else self._logits(scales, flip)
        known = encoded.known_logits if logits is None else logits
        decoder = decoder_branch(known, self._decoded, tags)
        sources = deciding_branches(branches, scores, decoder)
        if crf:
            sources = [sharpened(source, encoded.canvas) for source in sources]
        floors = scores.new_tensor([look_up(thresholds, tag, 0.0) for tag in tags])
        doubt = uncertainty(sources, floors, encoded.canvas_size)
        clip = self._cams.logits(encoded, words, prompting)
        measures = Measures(
            float(doubt.mean()),
            None if decoder is None else disagreement(decoder, scores),
            *self._evidence(tags, clip, known, classes),
        )
        notes = (
            *size_notes(encoded.image_size, encoded.canvas_size),
            *branch_notes(tags, branches, branch, has_decoder=self.model.decoder is not None),
            *background_notes(prompting.tagged(words)),
        )
        return Proposal(
            tags=tags,
            label_map=_array(label_map(sources, floors, encoded.image_size)),
            cam=_array(cams.cam),
            refined_cam=_array(cams.refined),
            scores=_array(cams.probabilities),
            cam_scores=_array(scores),
            decoder_logits=None if logits is None else _array(logits),
            canvas_uncertainty=_array(doubt),
            branches=branches,
            notes=notes,
            measures=measures,
            grid=encoded.grid,
            image_size=encoded.image_size,
        )

    def tag_scores(
        self,
        names: Sequence[str],
        *,
        synonyms: Mapping[str, str] | None = None,
        template: str | None = None,
    ) -> dict[str, float]:
        """Return the cosine between the image and each name's prompt, to rank tags by.

        Parameters
        ----------
        names : sequence of str
            Tags or classes.
        synonyms, template
            As for `propose`.

        Raises
        ------
        UserError
            If there is no image yet, or the template cannot be used.
        """
        if not names:
            return {}
        prompting = self._cams.prompting(template, None)
        words = [prompt_words(name, synonyms) for name in names]
        cosines = self._cams.embed(words, prompting.template) @ self._image().block.feature
        return dict(zip(names, cosines.tolist(), strict=True))

    def affinity_row(
        self, y: int, x: int, kind: Literal["attention", "learned"] = "attention"
    ) -> NDArray[np.float32]:
        """Return how strongly the patch under a pixel is tied to all patches.

        Parameters
        ----------
        y, x : int
            Pixel of the image.
        kind : {"attention", "learned"}
            A row of the transition matrix that refines the CAMs, or of the decoder's A_f.

        Returns
        -------
        ndarray of float32
            (h, w) on the patch grid, not negative.

        Raises
        ------
        UserError
            If the pixel is outside the image, or the model has no decoder to learn from.
        """
        return self._image().affinity_row(y, x, kind)

    def _image(self) -> EncodedImage:
        if self._encoded is None:
            raise UserError("There is no image yet. Give one by set_image first.")
        return self._encoded

    def _logits(self, scales: Sequence[float] | None, flip: bool | None) -> Tensor | None:
        """Return the decoder's logits, (C + 1, h, w), if there is a decoder."""
        if self.model.decoder is None:
            return None
        config = self.model.config
        mirrored = config.flip if flip is None else flip
        return self._image().logits(tuple(scales or config.scales), flip=mirrored)

    def _cam_evidence(
        self, encoded: EncodedImage, words: list[Words], prompting: Prompting
    ) -> CamEvidence:
        return encoded.evidence(
            (tuple(words), prompting), lambda: self._cams.evidence(encoded, words, prompting)
        )

    def _evidence(
        self,
        tags: tuple[str, ...],
        clip: Tensor,
        logits: Tensor | None,
        classes: Sequence[str] | None,
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return tags without evidence and classes with evidence but no tag."""
        peaks = {} if logits is None else class_peaks(logits, self._decoded)
        wanted = self._decoded.names if classes is None and peaks else classes or ()
        others = [name for name in wanted if look_up(dict.fromkeys(tags, False), name, True)]

        def score(names: Sequence[str]) -> Tensor:
            words = [prompt_words(name) for name in names]
            return self._cams.logits(self._image(), words, self._cams.own)[: len(words)]

        return missing_tags(tags, peaks, clip), found_classes(others, peaks, clip, score)


def _array(values: Tensor) -> NDArray[Any]:
    """Return a copy, so that nobody can change what is kept for later proposals."""
    array: NDArray[Any] = values.cpu().numpy().copy()
    return array
