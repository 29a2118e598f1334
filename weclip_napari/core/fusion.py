"""Scores of the CAM branch and of the decoder -> one label map and its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from weclip_napari.core.postprocess import dense_crf, resize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_DIRECT_PIXELS = 1 << 22
_BAND_ROWS = 256


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

    def probabilities(self, scores: Tensor) -> Tensor:
        """Turn scores of this branch, resized or not, into probabilities."""
        if self.logits:
            return F.softmax(scores, dim=0)
        return scores / scores.sum(dim=0).clamp(min=1e-12)


def label_map(branches: Sequence[Branch], thresholds: Tensor, size: tuple[int, int]) -> Tensor:
    """Decide every pixel.

    The first branch decides; where it sees background, the next one may put its tags.

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
    bands = zip(*(_enlarged(branch.scores, size) for branch in branches), strict=True)
    parts = [_decide(branches, band, thresholds)[0].to(torch.uint8) for band in bands]
    return torch.cat(parts)


def uncertainty(
    branches: Sequence[Branch], thresholds: Tensor, canvas: tuple[int, int], size: tuple[int, int]
) -> Tensor:
    """Return one minus the lead of the best over the second best probability, (H, W) in [0, 1].

    Computed at the size `canvas`, then resized to `size`.
    """
    scores = [resize(branch.scores[None], canvas)[0] for branch in branches]
    values = _decide(branches, scores, thresholds)[1]
    return resize(values[None, None], size)[0, 0].clamp(0, 1)


def sharpened(branch: Branch, image: NDArray[np.uint8]) -> Branch:
    """Sharpen a branch by a dense CRF on an image, (H, W, 3) uint8.

    Raises
    ------
    UserError
        If the optional package is not installed.
    """
    size = (image.shape[0], image.shape[1])
    probabilities = branch.probabilities(resize(branch.scores[None], size)[0])
    scores = torch.from_numpy(dense_crf(image, probabilities.cpu().numpy()))
    return Branch(scores.to(branch.scores), branch.ids)


def _decide(
    branches: Sequence[Branch], scores: Sequence[Tensor], thresholds: Tensor
) -> tuple[Tensor, Tensor]:
    """Return label ids and uncertainty at every pixel."""
    labels, doubts = _decide_one(branches[0], scores[0], thresholds)
    for branch, own_scores in zip(branches[1:], scores[1:], strict=True):
        own, own_doubts = _decide_one(branch, own_scores, thresholds)
        taken = (labels == 0) & (own > 0)
        labels, doubts = torch.where(taken, own, labels), torch.where(taken, own_doubts, doubts)
    return labels, doubts


def _decide_one(branch: Branch, scores: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor]:
    probabilities = branch.probabilities(scores)
    best, index = probabilities.topk(2, dim=0)
    labels = torch.tensor(branch.ids, device=scores.device)[index[0]]
    floor = torch.cat([thresholds.new_zeros(1), thresholds])[labels]
    return torch.where(best[0] < floor, 0, labels), 1 - (best[0] - best[1])


def _enlarged(scores: Tensor, size: tuple[int, int]) -> Iterator[Tensor]:
    """Resize (c, h, w) bilinearly to `size`, in bands of rows if the result is large."""
    height, width = size
    if height * width <= _DIRECT_PIXELS:
        yield resize(scores[None], size)[0]
        return
    rows = resize(scores[None], (height, scores.shape[-1]))
    for band in torch.split(rows, _BAND_ROWS, dim=2):
        yield resize(band, (band.shape[2], width))[0]
