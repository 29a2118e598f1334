"""What belongs together by its affinity, as a selection of pixels to paint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

Box = tuple[slice, slice]

_DIAGONAL = np.ones((3, 3), bool)


def connected_part(
    affinity: NDArray[np.float32], threshold: float, patches: Iterable[tuple[int, int]]
) -> NDArray[np.float32]:
    """Keep what is above a threshold and connected with some patches; the rest becomes 0.

    Parameters
    ----------
    affinity
        On the patch grid, (h, w) in [0, 1].
    threshold
        In [0, 1].
    patches
        Row and column of patches.
    """
    regions, _ = ndimage.label(affinity > threshold, _DIAGONAL)
    touched = {regions[patch] for patch in patches} - {0}
    rest = (regions > 0) & ~np.isin(regions, list(touched))
    return np.where(rest, np.float32(0), affinity)


def affinity_selection(
    affinity: NDArray[np.float32], size: tuple[int, int], threshold: float
) -> tuple[Flags, Box]:
    """Select the pixels whose affinity, bilinear between the patches' centres, passes a threshold.

    Parameters
    ----------
    affinity
        On the patch grid, (h, w).
    size
        The image's (H, W).
    threshold
        Pixels above it are selected.

    Returns
    -------
    selection : ndarray of bool
        Inside the box.
    box : tuple of slice
        Part of the image that holds all selected pixels; empty when there are none.
    """
    near = ndimage.binary_dilation(affinity > threshold, _DIAGONAL)
    boxes = ndimage.find_objects(near.astype(np.int8))
    if not boxes:
        return np.zeros((0, 0), bool), (slice(0, 0), slice(0, 0))
    spans = [
        slice(part.start * pixels // cells, -(-part.stop * pixels // cells))
        for part, pixels, cells in zip(boxes[0], size, affinity.shape, strict=True)
    ]
    rows, columns = (
        _bilinear_weights(span, pixels, cells)
        for span, pixels, cells in zip(spans, size, affinity.shape, strict=True)
    )
    values = (rows @ affinity.astype(np.float32)) @ columns.T
    return values > threshold, (spans[0], spans[1])


def _bilinear_weights(span: slice, pixels: int, cells: int) -> NDArray[np.float32]:
    """Give the weights (length of span, cells) of cells' centres for pixels' centres."""
    centres = (np.arange(span.start, span.stop) + 0.5) * cells / pixels - 0.5
    centres = np.clip(centres, 0, cells - 1)
    weights = 1 - np.abs(centres[:, None] - np.arange(cells))
    floored: NDArray[np.float32] = np.maximum(weights, 0).astype(np.float32)
    return floored
