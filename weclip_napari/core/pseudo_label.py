"""Refined CAMs -> scores of background and tags at image size -> pseudo label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from weclip_napari.core.cam import normalise

if TYPE_CHECKING:
    from torch import Tensor

    from weclip_napari.core.par import PixelAdaptiveRefinement


def tag_scores(refined: Tensor, size: tuple[int, int]) -> Tensor:
    """Stretch refined CAMs, (K, h, w), to [0, 1] on the grid, then resize to (K, *size)."""
    return F.interpolate(normalise(refined)[None], size=size, mode="bilinear")[0]


def with_background(scores: Tensor, power: float = 1.0) -> Tensor:
    """Put the background score (1 - max_k M_k) ^ power in front of (K, H, W) tag scores."""
    return torch.cat([background_score(scores).pow(power), scores])


def background_score(scores: Tensor) -> Tensor:
    """Return 1 - max_k M_k, (1, H, W), of (K, H, W) tag scores."""
    return 1 - scores.amax(dim=0, keepdim=True)


def pseudo_scores(
    refined: Tensor, par: PixelAdaptiveRefinement, iterations: int = 20, power: float = 1.0
) -> Tensor:
    """Return the scores, (K + 1, H, W), whose argmax is the pseudo label.

    Parameters
    ----------
    refined : Tensor
        (K, h, w) refined CAMs.
    par : PixelAdaptiveRefinement
        Of the image; its size is that of the result.
    iterations : int
        Steps of it.
    power : float
        Exponent of the background score.
    """
    return par(with_background(tag_scores(refined, par.size), power), iterations)


def label_ids(scores: Tensor, ids: Tensor) -> Tensor:
    """Return the argmax of (K + 1, H, W) as label ids, (H, W): 0, or that of `ids`, (K,)."""
    table = torch.cat([ids.new_zeros(1), ids])
    return table[scores.argmax(dim=0)]
