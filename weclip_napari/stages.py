"""What each stage of a model says about an image, as label maps: from Grad-CAM to the decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from weclip_napari.core.affinity import Transition, attention_affinity, patch_maps, refine
from weclip_napari.core.cam_branch import CamBranch
from weclip_napari.core.encoded_image import EncodedImage
from weclip_napari.core.fusion import Branch, label_map
from weclip_napari.core.postprocess import dense_crf, require_crf, resize
from weclip_napari.core.pseudo_label import tag_scores, with_background
from weclip_napari.core.typed_tags import prompt_words
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from weclip_napari.core.cam_branch import CamEvidence, Words
    from weclip_napari.core.config import WeclipConfig
    from weclip_napari.core.model import WeclipModel

    LabelMap = NDArray[np.uint8]

STAGES = ("cam", "refined_cam", "pseudo_label", "decoder", "decoder_untagged")
"""``cam`` and ``refined_cam`` are cut at the thresholds of the model's configuration; ``decoder``
may only use the tags of the image, ``decoder_untagged`` all its classes."""

CLIP_ES = ("clip_es", "clip_es_crf")
"""CLIP-ES, which trains nothing: CAMs refined by CLIP's attention alone against the background
score, before and after a dense CRF (supplement, table 1)."""

_OF_EVIDENCE, _OF_DECODER = STAGES[:3], STAGES[3:]


class StageMaps:
    """Makes the label maps of some stages of one model, and computes only what they need.

    Parameters
    ----------
    model : WeclipModel
        With or without decoder; without, its stages are left out.
    classes : sequence of str
        Label id i + 1 means ``classes[i]``; ``len(classes) + 1`` stands for any other class.
    stages : sequence of str
        Among `STAGES` and `CLIP_ES`.
    crf : bool
        Whether a dense CRF sharpens what the decoder says.

    Raises
    ------
    UserError
        When a dense CRF is wanted but not installed.
    """

    def __init__(
        self,
        model: WeclipModel,
        classes: Sequence[str],
        stages: Sequence[str] = STAGES,
        *,
        crf: bool = False,
    ) -> None:
        if unknown := set(stages) - {*STAGES, *CLIP_ES}:
            raise ValueError(f"unknown stages: {sorted(unknown)}")
        if crf or "clip_es_crf" in stages:
            require_crf()
        self._model = model
        self._classes = tuple(classes)
        self._ids = {name: label for label, name in enumerate(classes, start=1)}
        self._stages = frozenset(stages)
        self._crf = crf
        self._cams = CamBranch(model)

    def encode(self, image: NDArray[np.uint8]) -> EncodedImage:
        """Encode an image, (H, W, 3) uint8.

        Raises
        ------
        UserError
            If a side is shorter than one patch.
        """
        return EncodedImage(self._model, self._cams.background, image)

    @torch.no_grad()
    def tag_scores(self, encoded: EncodedImage) -> dict[str, float]:
        """Return the cosine between an image and the prompt of each class, to rank tags by."""
        words = [prompt_words(name) for name in self._classes]
        cosines = self._cams.embed(words, self._cams.own.template) @ encoded.block.feature
        return dict(zip(self._classes, cosines.tolist(), strict=True))

    @torch.no_grad()
    def maps(
        self, encoded: EncodedImage, image: NDArray[np.uint8], tags: Sequence[str]
    ) -> dict[str, LabelMap]:
        """Return the label maps of one image.

        Parameters
        ----------
        encoded : EncodedImage
            What `encode` gave for `image`.
        image : ndarray of uint8
            (H, W, 3), along whose edges a dense CRF sharpens.
        tags : sequence of str
            Classes that it shows. Without any, only ``decoder_untagged`` sees more than background.

        Returns
        -------
        dict
            From stage to label ids, uint8, (H, W).

        Raises
        ------
        UserError
            If a tag is no class.
        """
        if unknown := [tag for tag in tags if tag not in self._ids]:
            raise UserError(
                f"'{unknown[0]}' is among its tags, but is no class of the data set; correct the "
                "tag or add the class."
            )
        tags = tuple(dict.fromkeys(tags))
        of_tags = np.array([0, *(self._ids[tag] for tag in tags)], np.uint8)
        found = {
            stage: of_tags[indices]
            for stage, indices in self._of_cams(encoded, image, tags).items()
        }
        if self._model.decoder is not None and self._stages.intersection(_OF_DECODER):
            config = self._model.config
            logits = encoded.logits(config.scales, flip=config.flip)
            found |= self._of_decoder(logits, image, tags)
        return found

    def _of_cams(
        self, encoded: EncodedImage, image: NDArray[np.uint8], tags: tuple[str, ...]
    ) -> dict[str, NDArray[np.integer]]:
        """Return maps of 0 and 1 + the number of the tag."""
        wanted = self._stages - set(_OF_DECODER)
        if not tags:
            return {stage: np.zeros(encoded.image_size, np.uint8) for stage in wanted}
        found: dict[str, NDArray[np.integer]] = {}
        words = [prompt_words(tag) for tag in tags]
        if wanted.intersection(_OF_EVIDENCE):
            evidence = self._cams.evidence(encoded, words, self._cams.own)
            found |= evidence_maps(evidence, self._model.config, encoded.image_size, wanted)
        if wanted.intersection(CLIP_ES):
            found |= self._of_clip_es(encoded, image, words)
        return found

    def _of_clip_es(
        self, encoded: EncodedImage, image: NDArray[np.uint8], words: list[Words]
    ) -> dict[str, NDArray[np.integer]]:
        cams = self._cams.grad_cam(encoded, words, self._cams.own).cam
        scores = clip_es_scores(encoded, cams, self._model.config)
        found: dict[str, NDArray[np.integer]] = {"clip_es": scores.argmax(axis=0)}
        if "clip_es_crf" in self._stages:
            found["clip_es_crf"] = dense_crf(image, scores / scores.sum(axis=0)).argmax(axis=0)
        return found

    def _of_decoder(
        self, logits: Tensor, image: NDArray[np.uint8], tags: tuple[str, ...]
    ) -> dict[str, LabelMap]:
        known = self._model.decoder.config.classes if self._model.decoder is not None else ()
        maps = decoder_maps(logits, known, image, tags, self._stages, crf=self._crf)
        other = len(self._classes) + 1
        ids = np.array([0, *(self._ids.get(name, other) for name in known)], np.uint8)
        return {stage: ids[channels] for stage, channels in maps.items()}


def evidence_maps(
    evidence: CamEvidence,
    config: WeclipConfig,
    size: tuple[int, int],
    stages: frozenset[str] = frozenset(STAGES),
) -> dict[str, NDArray[np.integer]]:
    """Decide every pixel of an image of `size` by the CAM branch: 0, or 1 + number of the tag."""
    found: dict[str, NDArray[np.integer]] = {}
    if "cam" in stages:
        found["cam"] = _cut(_enlarged(evidence.cam, size), config.cam_threshold)
    if "refined_cam" in stages:
        refined = _enlarged(evidence.refined, size)
        found["refined_cam"] = _cut(refined, config.refined_cam_threshold)
    if "pseudo_label" in stages:
        scores = evidence.scores(config.background_power)
        branch = Branch(scores, tuple(range(len(scores))))
        labels = label_map([branch], scores.new_zeros(len(scores) - 1), size)
        found["pseudo_label"] = labels.cpu().numpy()
    return found


def clip_es_scores(
    encoded: EncodedImage, cams: Tensor, config: WeclipConfig
) -> NDArray[np.float32]:
    """Return CLIP-ES's scores of the background and K tags, (K + 1, H, W), at the image's size.

    Parameters
    ----------
    encoded : EncodedImage
        The image.
    cams : Tensor
        (K, h, w) Grad-CAMs in [0, 1].
    config : WeclipConfig
        Which attention maps are averaged, and how the CAMs spread along them.
    """
    affinity = attention_affinity(patch_maps(encoded.features, encoded.block), config.affinity)
    transition = Transition.of(affinity, config.affinity)
    refined = refine(transition, cams, config.affinity.box_threshold)
    scores = with_background(tag_scores(refined, encoded.image_size), config.background_power)
    return np.asarray(scores.cpu())


def decoder_maps(
    logits: Tensor,
    known: Sequence[str],
    image: NDArray[np.uint8],
    tags: Sequence[str],
    stages: frozenset[str] = frozenset(STAGES),
    *,
    crf: bool = False,
) -> dict[str, NDArray[np.integer]]:
    """Decide every pixel by the decoder.

    Parameters
    ----------
    logits : Tensor
        (C + 1, h, w) of the background and the classes `known`.
    known : sequence of str
        The decoder's C classes.
    image : ndarray of uint8
        (H, W, 3).
    tags : sequence of str
        What "decoder" may use besides the background.
    stages : frozenset of str
        Which maps are wanted.
    crf : bool
        Whether a dense CRF sharpens the probabilities of what is allowed.

    Returns
    -------
    dict
        From stage to channels, (H, W).
    """
    height, width = image.shape[:2]
    large = _enlarged(logits, (height, width))
    tagged = [0, *(index for index, name in enumerate(known, start=1) if name in tags)]
    found: dict[str, NDArray[np.integer]] = {}
    if "decoder" in stages:
        found["decoder"] = np.array(tagged)[_decide(large[tagged], image, crf=crf)]
    if "decoder_untagged" in stages:
        found["decoder_untagged"] = _decide(large, image, crf=crf)
    return found


def _enlarged(maps: Tensor, size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(resize(maps[None], size)[0].cpu())


def _cut(cams: NDArray[np.float32], threshold: float) -> NDArray[np.integer]:
    """Return 0 where no map of (K, H, W) is over the threshold, else 1 + the highest one."""
    return np.where(cams.max(axis=0) > threshold, cams.argmax(axis=0) + 1, 0)


def _decide(
    logits: NDArray[np.float32], image: NDArray[np.uint8], *, crf: bool
) -> NDArray[np.integer]:
    """Return the best channel of (c, H, W) logits at every pixel, sharpened if asked for."""
    if crf:
        logits = dense_crf(image, torch.from_numpy(logits).softmax(dim=0).numpy())
    best: NDArray[np.integer] = logits.argmax(axis=0)
    return best
