"""Class scores and Grad-CAM of any number of tags from one pass through the last block.

Supplement, eq. 1 to 4. The probability p_k of a tag is differentiated, not its logit:

    w_k = s p_k [ W(t_k) - sum_j p_j W(t_j) - P_bg W(b) ]

with s the logit scale, W(v) the mean gradient of `last_block`, t the text vectors, P_bg the
probability of all background words and b their mean weighted by their own softmax, which does
not depend on the tags. As the probabilities sum to one, a common vector can be subtracted from
all of t and b; with b itself, its own term is gone. So every tag costs one backward pass, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

    from weclip_napari.core.last_block import LastBlock


@dataclass(frozen=True)
class CamResult:
    """Grad-CAMs of K tags.

    Attributes
    ----------
    probabilities : Tensor
        (K + B,), softmax over the tags and the B background words.
    weights : Tensor
        (K, C), channel weights: mean over the patches of the gradient of p_k.
    raw : Tensor
        (K, h, w), weighted sums of the channels, before ReLU.
    cam : Tensor
        (K, h, w) in [0, 1].
    """

    probabilities: Tensor
    weights: Tensor
    raw: Tensor
    cam: Tensor


class GradCam:
    """Grad-CAM on one image; remembers what it pulled back through the block.

    Parameters
    ----------
    block : LastBlock
        Last block, evaluated on the image.
    background : Tensor
        (B, joint) unit vectors of the background words.
    logit_scale : float
        Factor between cosines and logits.
    """

    def __init__(self, block: LastBlock, background: Tensor, logit_scale: float) -> None:
        self.block = block
        self.background = background
        self.logit_scale = logit_scale
        self._anchor = self._mean_word(background)
        self._pulled: dict[bytes, Tensor] = {}

    def __call__(self, tags: Tensor, background: Tensor | None = None) -> CamResult:
        """Return the maps of the tags together.

        Parameters
        ----------
        tags : Tensor
            (K, joint) unit vectors.
        background : Tensor, optional
            (B', joint) other background words than those of the constructor.
        """
        background = self.background if background is None else background
        probabilities = class_scores(
            self.block.feature, torch.cat([tags, background]), self.logit_scale
        )
        weights = self._weights(tags, background, probabilities)
        raw = (weights @ self.block.z.T).view(len(tags), *self.block.grid)
        return CamResult(probabilities, weights, raw, normalise(normalise(raw.relu())))

    def _weights(self, tags: Tensor, background: Tensor, probabilities: Tensor) -> Tensor:
        p = probabilities[: len(tags)]
        pulled = self._pull_back(tags - self._anchor)
        mean = p @ pulled
        if background is not self.background:
            word = self._mean_word(background) - self._anchor
            mean = mean + probabilities[len(tags) :].sum() * self._pull_back(word[None])[0]
        return self.logit_scale * p[:, None] * (pulled - mean)

    def _mean_word(self, words: Tensor) -> Tensor:
        return class_scores(self.block.feature, words, self.logit_scale) @ words

    def _pull_back(self, directions: Tensor) -> Tensor:
        keys = [direction.cpu().numpy().tobytes() for direction in directions]
        new = [i for i, key in enumerate(keys) if key not in self._pulled]
        if new:
            pulled = self.block.pull_back(directions[new])
            self._pulled.update(zip((keys[i] for i in new), pulled, strict=True))
        return torch.stack([self._pulled[key] for key in keys])


def class_scores(feature: Tensor, words: Tensor, logit_scale: float) -> Tensor:
    """Return the softmax (k,) over k words, (k, joint), of an image feature, (joint,)."""
    return F.softmax(logit_scale * (words @ feature), dim=0)


def normalise(maps: Tensor) -> Tensor:
    """Stretch every (h, w) map of (..., h, w) to [0, 1] by its minimum and maximum.

    The 1e-7 is part of the definition: raw Grad-CAMs are often not much larger.
    """
    maps = maps - maps.amin(dim=(-2, -1), keepdim=True)
    return maps / (1e-7 + maps.amax(dim=(-2, -1), keepdim=True))
