"""Tags -> masks: encode an image once, then propose for any tags, quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from weclip_napari.core.cam_branch import CamBranch, CamEvidence, Words
from weclip_napari.core.classes import ClassSet
from weclip_napari.core.encoded_image import EncodedImage, require_known
from weclip_napari.core.fusion import Branch, label_map, sharpened, uncertainty
from weclip_napari.core.proposal import Proposal
from weclip_napari.core.typed_tags import look_up, prompt_words, tidy
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from weclip_napari.core.model import WeclipModel

__all__ = ["Predictor", "Proposal"]

BranchName = Literal["auto", "cam", "decoder"]

_NOTED_REDUCTION = 4


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
        self._evidence: tuple[object, CamEvidence] | None = None

    def set_image(self, image: NDArray[np.uint8]) -> None:
        """Encode an image; later proposals reuse what is known about it.

        Parameters
        ----------
        image : ndarray of uint8
            (H, W, 3), RGB in [0, 255].

        Raises
        ------
        UserError
            If a side is shorter than one patch.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"need (H, W, 3) of uint8, not {image.shape} of {image.dtype}")
        self._encoded = self._evidence = None
        self._encoded = EncodedImage(self.model, self._cams.background, image)

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
    ) -> Proposal:
        """Propose masks for the tags of the image.

        Parameters
        ----------
        tags : sequence of str
            What the image shows.
        synonyms : mapping, optional
            From a tag to other words for the prompt.
        branch : {"auto", "cam", "decoder"}
            ``"auto"`` takes the tags that the decoder knows from it, the others from the CAMs.
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

        Returns
        -------
        Proposal
            At the image's size.

        Raises
        ------
        UserError
            If there are no tags, if only the decoder may answer but does not know a tag or does
            not exist, or if the dense CRF is not installed.
        """
        tags = tidy(tags)
        branches = self._branches(tags, branch)
        encoded, config = self._image(), self.model.config
        words = [prompt_words(tag, synonyms) for tag in tags]
        power = config.background_power if background_power is None else background_power
        cams = self._cam_evidence(encoded, words, power)
        logits = None if branch == "cam" else self._logits(scales, flip)
        sources = self._sources(tags, branches, cams.scores, logits)
        if crf:
            sources = [sharpened(source, encoded.canvas) for source in sources]
        floors = cams.scores.new_tensor([look_up(thresholds, tag, 0.0) for tag in tags])
        size = encoded.image_size
        pseudo = Branch(cams.scores, tuple(range(len(tags) + 1)))
        return Proposal(
            tags=tags,
            label_map=_array(label_map(sources, floors, size)),
            cam=_array(cams.cam),
            refined_cam=_array(cams.refined),
            scores=_array(cams.probabilities),
            pseudo_label=_array(label_map([pseudo], torch.zeros_like(floors), size)),
            decoder_logits=None if logits is None else _array(logits),
            canvas_uncertainty=_array(uncertainty(sources, floors, encoded.canvas_size)),
            branches=branches,
            notes=self._notes(tags, words, branches, encoded),
            grid=encoded.features.grid,
            image_size=size,
        )

    def tag_scores(self, names: Sequence[str]) -> dict[str, float]:
        """Return the cosine between the image and each name's prompt, to rank tags by.

        Raises
        ------
        UserError
            If there is no image yet.
        """
        if not names:
            return {}
        vectors = self._cams.embed([prompt_words(name) for name in names])
        cosines = vectors @ self._image().block.feature
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
        encoded = self._image()
        patch = encoded.patch_at(y, x)
        learned = kind == "learned"
        row = encoded.decoded.affinity[0, patch] if learned else encoded.transition.row(patch)
        return _array(row.view(encoded.features.grid))

    def _image(self) -> EncodedImage:
        if self._encoded is None:
            raise UserError("There is no image yet. Give one by set_image first.")
        return self._encoded

    def _branches(self, tags: tuple[str, ...], branch: BranchName) -> tuple[str, ...]:
        """Say for each tag which branch decides its pixels."""
        if branch == "cam":
            return ("cam",) * len(tags)
        if branch == "decoder":
            require_known(self.model, tags)
        return tuple("decoder" if tag in self._decoded else "cam" for tag in tags)

    def _logits(self, scales: Sequence[float] | None, flip: bool | None) -> Tensor | None:
        """Return the decoder's logits, (C + 1, h, w), if there is a decoder."""
        if self.model.decoder is None:
            return None
        config = self.model.config
        mirrored = config.flip if flip is None else flip
        return self._image().logits(tuple(scales or config.scales), flip=mirrored)

    def _cam_evidence(self, encoded: EncodedImage, words: list[Words], power: float) -> CamEvidence:
        """Keep the last evidence: thresholds, branches and scales change without it."""
        key = (tuple(words), power)
        if self._evidence is None or self._evidence[0] != key:
            self._evidence = (key, self._cams.evidence(encoded, words, power))
        return self._evidence[1]

    def _sources(
        self,
        tags: tuple[str, ...],
        branches: tuple[str, ...],
        scores: Tensor,
        logits: Tensor | None,
    ) -> list[Branch]:
        """Return the branches that decide, the decoder first."""
        sources = []
        known = [i for i, name in enumerate(branches) if name == "decoder"]
        if logits is not None and known:
            channels = [0, *(self._decoded.label_id(tags[i]) for i in known)]
            sources.append(Branch(logits[channels], (0, *(i + 1 for i in known)), logits=True))
        if len(known) < len(tags):
            ids = [i + 1 if name == "cam" else 0 for i, name in enumerate(branches)]
            sources.append(Branch(scores, (0, *ids)))
        return sources

    def _notes(
        self,
        tags: tuple[str, ...],
        words: list[Words],
        branches: tuple[str, ...],
        encoded: EncodedImage,
    ) -> tuple[str, ...]:
        notes = []
        height, width = encoded.image_size
        rows, columns = encoded.canvas_size
        if max(height, width) >= _NOTED_REDUCTION * max(rows, columns):
            notes.append(
                f"The image of {width} x {height} px was reduced to {columns} x {rows} px; its "
                "mask is only as fine as that."
            )
        if min(height, width) * max(rows, columns) < (min(rows, columns) - 1) * max(height, width):
            notes.append(
                f"The image of {width} x {height} px is so narrow that the model sees it "
                "distorted, its short side as one patch; cut it into pieces for better masks."
            )
        if "decoder" in branches:
            notes += [
                f"'{tag}' is unknown to the decoder; its mask comes from the CAM."
                for tag, name in zip(tags, branches, strict=True)
                if name == "cam"
            ]
        for word in self._cams.tagged_background(words):
            notes.append(f"'{word}' is a tag here, so it does not count as background.")
        return tuple(notes)


def _array(values: Tensor) -> NDArray[Any]:
    """Return a copy, so that nobody can change what is kept for later proposals."""
    array: NDArray[Any] = values.cpu().numpy().copy()
    return array
