"""Attention maps -> affinity of patches -> transition matrix -> refined CAM, image by image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from weclip_napari.core.backbone import LayerFeatures
    from weclip_napari.core.config import AffinityConfig, Distance
    from weclip_napari.core.last_block import LastBlock


def patch_maps(features: LayerFeatures, block: LastBlock, index: int = 0) -> list[Tensor]:
    """Return the L attention maps between patches, (n, n) views without the class token."""
    return [a[1:, 1:] for a in (*features.attention[index], block.attention)]


def attention_affinity(
    maps: Sequence[Tensor], config: AffinityConfig, learned: Tensor | None = None
) -> Tensor:
    """Join attention maps to one affinity.

    Parameters
    ----------
    maps : sequence of Tensor
        L maps (n, n) from `patch_maps`.
    config : AffinityConfig
        Which of them, and how.
    learned : Tensor, optional
        (n, n), the decoder's A_f. Without it the "mean" variant is used.

    Returns
    -------
    Tensor
        (n, n), rows are queries; a new tensor.
    """
    if config.variant == "mean" or learned is None:
        return _mean(_choose(maps, config.layers, config.last_mean))
    chosen = _choose(maps, config.layers, config.last_filter)
    keep = keep_maps(map_distances(chosen, learned, config.distance))
    kept = [a for a, kept in zip(chosen, keep.tolist(), strict=True) if kept]
    return _mean(kept, epsilon=1e-5).mul_(learned)


def map_distances(maps: Sequence[Tensor], learned: Tensor, distance: Distance) -> Tensor:
    """Return how far each map is from A_f, (maps,) float64.

    Signed distances differ by a few units in 1e5 or more, which float32 sums do not resolve.
    """
    if distance == "absolute":
        return torch.stack([(learned - a).abs().sum(dtype=torch.float64) for a in maps])
    total = learned.sum(dtype=torch.float64)
    return torch.stack([total - a.sum(dtype=torch.float64) for a in maps])


def keep_maps(distances: Tensor) -> Tensor:
    """Return which maps are not further than the mean distance, (maps,) bool."""
    return distances <= distances.mean()


def _choose(maps: Sequence[Tensor], layers: tuple[int, ...] | None, last: int) -> Sequence[Tensor]:
    return maps[-last:] if layers is None else [maps[number - 1] for number in layers]


def _mean(maps: Sequence[Tensor], epsilon: float = 0.0) -> Tensor:
    total = maps[0].clone()
    for a in maps[1:]:
        total += a
    return total.div_(len(maps) + epsilon)


@dataclass(frozen=True)
class Transition:
    """The transition matrix T along which CAMs spread: D, or D D.

    The square is not formed: a few products with D are cheaper than one of two matrices.

    Attributes
    ----------
    balanced : Tensor
        D, (n, n), symmetric, rows and columns sum to nearly one.
    squared : bool
        Whether T is D D.
    """

    balanced: Tensor
    squared: bool

    @classmethod
    def of(cls, affinity: Tensor, config: AffinityConfig) -> Transition:
        """Balance an affinity, (n, n), by Sinkhorn's rounds and make it symmetric."""
        balanced = affinity.clone()
        for _ in range(config.sinkhorn_rounds):
            balanced /= balanced.sum(dim=0)
            balanced /= balanced.sum(dim=1, keepdim=True)
        return cls((balanced + balanced.T) / 2, config.squared)

    def spread(self, maps: Tensor) -> Tensor:
        """Return T m for each row m of (k, n)."""
        maps = maps @ self.balanced.T
        return maps @ self.balanced.T if self.squared else maps

    def matrix(self) -> Tensor:
        """Return T, (n, n)."""
        return self.balanced @ self.balanced if self.squared else self.balanced


def refine(transition: Transition, cams: Tensor, box_threshold: float) -> Tensor:
    """Spread each CAM from inside its boxes along the affinity.

    Parameters
    ----------
    transition : Transition
        Of the image.
    cams : Tensor
        (K, h, w) in [0, 1].
    box_threshold : float
        See `box_mask`.

    Returns
    -------
    Tensor
        (K, h, w), not normalised.
    """
    inside = cams * box_masks(cams, box_threshold)
    return transition.spread(inside.flatten(1)).view_as(cams)


def box_masks(cams: Tensor, threshold: float) -> Tensor:
    """Return `box_mask` of each of (K, h, w), as float of the same shape and device."""
    masks = [box_mask(cam, threshold) for cam in cams.cpu().numpy()]
    return torch.from_numpy(np.stack(masks)).to(cams)


def box_mask(cam: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Cover what is bright in a CAM by the bounding boxes of its 8-connected components.

    As published, the boxes never reach into the last row and the last column.

    Parameters
    ----------
    cam : ndarray of float32
        (h, w) in [0, 1].
    threshold : float
        Share of the maximum; both are rounded down to whole 255ths.

    Returns
    -------
    ndarray of bool
        (h, w).
    """
    levels = (255 * cam).astype(np.uint8)
    bright = levels > int(threshold * int(levels.max()))
    components, _ = ndimage.label(bright, structure=np.ones((3, 3)))
    mask = np.zeros(cam.shape, dtype=bool)
    for box in ndimage.find_objects(components):
        mask[box] = True
    mask[-1] = mask[:, -1] = False
    return mask
