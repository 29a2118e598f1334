"""Scores of the CAM branch and of the decoder -> one label map and its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from weclip_napari.core.postprocess import dense_crf, resize

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_DECIDED_PIXELS = 1 << 22


@dataclass(frozen=True)
class Branch:
    """Scores of the background and some tags from one source.

    Attributes
    ----------
    scores : Tensor
        (c, h, w), channel 0 is the background: logits, or scores that are not negative.
    ids : tuple of int
        What to write where a channel is highest: 0 for background, i + 1 for tag i. A tag that
        another branch decides has 0 here too.
    logits : bool
        Whether the scores are logits.
    """

    scores: Tensor
    ids: tuple[int, ...]
    logits: bool = False

    def enlarged(self, size: tuple[int, int]) -> Tensor:
        """Return the scores resized to (c, *size)."""
        return resize(self.scores[None], size)[0]

    def probabilities(self, scores: Tensor) -> Tensor:
        """Turn scores of this branch, resized or not, into probabilities."""
        if self.logits:
            return F.softmax(scores, dim=0)
        return scores / scores.sum(dim=0).clamp(min=1e-12)


def label_map(branches: Sequence[Branch], thresholds: Tensor, size: tuple[int, int]) -> Tensor:
    """Decide every pixel.

    The first branch decides; where it sees background, the next one may put its tags. A very
    large map is decided in small squares of pixels.

    Parameters
    ----------
    branches : sequence of Branch
        At least one.
    thresholds : Tensor
        (K,) probabilities below which a pixel of the tag becomes background.
    size : tuple of int
        (H, W) of the result.

    Returns
    -------
    Tensor
        (H, W) uint8: 0 background, i + 1 for tag i.
    """
    square = math.ceil(math.sqrt(size[0] * size[1] / _DECIDED_PIXELS))
    decided = (math.ceil(size[0] / square), math.ceil(size[1] / square))
    labels, _ = _first_found([_labels(b, b.enlarged(decided), thresholds) for b in branches])
    if decided == size:
        return labels
    return F.interpolate(labels[None, None], size=size, mode="nearest-exact")[0, 0]


def uncertainty(branches: Sequence[Branch], thresholds: Tensor, size: tuple[int, int]) -> Tensor:
    """Return one minus the lead of the best over the second best probability, *size in [0, 1]."""
    scores = [branch.enlarged(size) for branch in branches]
    labels = [_labels(b, s, thresholds) for b, s in zip(branches, scores, strict=True)]
    leads = [_lead(b.probabilities(s)) for b, s in zip(branches, scores, strict=True)]
    _, decider = _first_found(labels)
    lead = torch.stack(leads).gather(0, decider[None])[0]
    return (1 - lead).clamp(0, 1)


def averaged(decoder: Branch, scores: Tensor) -> Branch:
    """Return the mean of the probabilities of two branches, on the canvas.

    Parameters
    ----------
    decoder : Branch
        Of the background and the tags that the decoder knows.
    scores : Tensor
        (K + 1, H', W'), the CAMs' of the background and all tags; for this mean, the tags that
        the decoder does not know are background.
    """
    decoded = decoder.probabilities(decoder.enlarged((scores.shape[1], scores.shape[2])))
    seen = Branch(scores, ()).probabilities(scores)[list(decoder.ids)]
    seen[0] = 1 - seen[1:].sum(dim=0)
    return Branch((decoded + seen) / 2, decoder.ids)


def sharpened(branch: Branch, image: NDArray[np.uint8]) -> Branch:
    """Sharpen a branch by a dense CRF on an image, (H, W, 3) uint8.

    Raises
    ------
    UserError
        If the optional package is not installed.
    """
    size = (image.shape[0], image.shape[1])
    probabilities = branch.probabilities(branch.enlarged(size))
    scores = torch.from_numpy(dense_crf(image, probabilities.cpu().numpy()))
    return Branch(scores.to(branch.scores), branch.ids)


def _labels(branch: Branch, scores: Tensor, thresholds: Tensor) -> Tensor:
    """Return one branch's decision, (H, W) uint8."""
    index = scores.max(dim=0).indices  # several times as fast as argmax
    labels = torch.tensor(branch.ids, dtype=torch.uint8, device=scores.device)[index]
    if thresholds.any():
        floor = torch.cat([thresholds.new_zeros(1), thresholds])[labels.long()]
        labels[branch.probabilities(scores).amax(dim=0) < floor] = 0
    return labels


def _lead(probabilities: Tensor) -> Tensor:
    """Return by how much the best of (c, H, W) exceeds the second best; faster than topk."""
    best, second = probabilities[0], torch.zeros_like(probabilities[0])
    for other in probabilities[1:]:
        second = torch.maximum(second, torch.minimum(best, other))
        best = torch.maximum(best, other)
    return best - second


def _first_found(labels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the first label that is not background, and which branch it is from (or the first)."""
    found = labels[0]
    decider = torch.zeros_like(found, dtype=torch.long)
    for number, own in enumerate(labels[1:], start=1):
        taken = (found == 0) & (own > 0)
        found = torch.where(taken, own, found)
        decider = torch.where(taken, number, decider)
    return found, decider
