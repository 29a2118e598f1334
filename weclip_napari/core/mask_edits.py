"""Corrections of a whole mask: fill holes, remove islands, smooth, snap to superpixels.

All are pure: they take a mask of label ids, (H, W) uint8, and return a new one. With a label they
change only pixels that have that label or get it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from weclip_napari.session.masks import BACKGROUND, IGNORE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Mask = NDArray[np.uint8]
    Flags = NDArray[np.bool_]
    Regions = NDArray[np.int32]

Box = tuple[slice, slice]

SUPERPIXELS = 1500
_SUPERPIXEL_CANVAS = 1_500_000  # pixels on which they are computed; finer takes many seconds


def fill_holes(mask: Mask, label: int | None = None) -> Mask:
    """Fill the holes of a class, or of all.

    A hole is a connected region of background or ignore that one class alone surrounds; it does
    not touch the image's border.

    Parameters
    ----------
    mask
        Label ids, (H, W) uint8.
    label
        The class whose holes are filled; None for all.
    """

    def fill(part: Mask) -> Mask:
        regions, number = ndimage.label((part == BACKGROUND) | (part == IGNORE))
        region, around = _neighbours(regions, part, regions == 0)[:2]
        surrounding = np.zeros(number + 1, np.uint8)
        surrounding[region] = around
        unclear = np.bincount(region, minlength=number + 1) != 1
        unclear[[0, *np.unique(_rim(regions))]] = True
        if label is not None:
            unclear |= surrounding != label
        surrounding[unclear] = 0
        filled = surrounding[regions]
        return np.where(filled > 0, filled, part)

    return _within(mask, label, 0, fill)


def remove_islands(mask: Mask, min_area: int, label: int | None = None) -> Mask:
    """Remove the connected regions of a class, or of all, that are smaller than an area.

    The largest region of each class stays, however small it is. A removed one gets the label that
    most of the pixels around it have.

    Parameters
    ----------
    mask
        Label ids, (H, W) uint8.
    min_area
        In pixels; regions of fewer pixels go.
    label
        The class whose regions are removed; None for all but the background.
    """

    def remove(part: Mask) -> Mask:
        regions = _regions(part, label)
        small = _small_regions(regions, part, min_area)
        islands = np.where(small[regions], regions, 0)
        region, around, votes = _neighbours(islands, part, islands == 0)
        order = np.argsort(votes, kind="stable")
        label_of = np.zeros(len(small), np.uint8)
        label_of[region[order]] = around[order]  # the most frequent is written last
        return np.where(islands > 0, label_of[islands], part)

    return _within(mask, label, 1, remove)


def smooth(mask: Mask, radius: float, label: int | None = None) -> Mask:
    """Smooth the outline of a class, or of all: each pixel gets what most around it have.

    Parameters
    ----------
    mask
        Label ids, (H, W) uint8.
    radius
        How far around a pixel is looked, in pixels.
    label
        The class whose outline changes; None for all.
    """
    margin = 2 * int(np.ceil(radius))
    return _within(
        mask, label, margin, lambda part: _adopt(part, _blurred_vote(part, radius), label)
    )


def snap_to_superpixels(mask: Mask, segments: Regions, label: int | None = None) -> Mask:
    """Give each superpixel the label that most of its pixels have.

    Parameters
    ----------
    mask
        Label ids, (H, W) uint8.
    segments
        Numbers of superpixels, (H, W) int32 from 0, of `superpixels`.
    label
        The class whose outline changes; None for all.
    """
    votes = np.zeros((int(segments.max()) + 1, 256), np.intp)
    for present in np.flatnonzero(np.bincount(mask.reshape(-1), minlength=256)):
        votes[:, present] = np.bincount(segments[mask == present], minlength=len(votes))
    return _adopt(mask, votes.argmax(axis=1).astype(np.uint8)[segments], label)


def superpixels(image: NDArray[np.uint8], number: int = SUPERPIXELS) -> Regions:
    """Cut an image, (H, W, 3) uint8 RGB, into about `number` superpixels that follow its edges.

    Large images are cut at a lower resolution.

    Returns
    -------
    ndarray of int32, (H, W)
        Their numbers, from 0.
    """
    from PIL import Image
    from skimage.segmentation import slic

    height, width = image.shape[:2]
    scale = min(1.0, (_SUPERPIXEL_CANVAS / (height * width)) ** 0.5)
    small = (max(1, round(height * scale)), max(1, round(width * scale)))
    picture = image
    if scale < 1:
        resized = Image.fromarray(image).resize(small[::-1], Image.Resampling.BOX)
        picture = np.asarray(resized)
    segments = slic(
        picture, number, compactness=10, max_num_iter=5, start_label=0, channel_axis=-1
    ).astype(np.int32)
    rows = np.arange(height) * small[0] // height
    columns = np.arange(width) * small[1] // width
    return np.ascontiguousarray(segments[rows[:, None], columns])


def _within(mask: Mask, label: int | None, margin: int, change: Callable[[Mask], Mask]) -> Mask:
    """Change only the box around a class (around all but the background), plus a margin."""
    chosen = mask != BACKGROUND if label is None else mask == label
    boxes = ndimage.find_objects(chosen.view(np.int8))
    after = mask.copy()
    if boxes:
        spans = zip(boxes[0], mask.shape, strict=True)
        rows, columns = (
            slice(max(span.start - margin, 0), min(span.stop + margin, length))
            for span, length in spans
        )
        after[rows, columns] = change(mask[rows, columns])
    return after


def _adopt(mask: Mask, winners: Mask, label: int | None) -> Mask:
    """Take over other labels, but with a label only where it wins or loses."""
    if label is None:
        return winners
    return np.where((mask == label) | (winners == label), winners, mask)


def _blurred_vote(mask: Mask, radius: float) -> Mask:
    """Give each pixel the label with the most weight around it; a tie changes nothing."""
    margin = int(np.ceil(radius))
    best = np.zeros(mask.shape, np.float32)
    winners = mask.copy()
    for label in np.flatnonzero(np.bincount(mask.reshape(-1), minlength=256)):
        box = _grown(mask == label, margin)
        share = _blurred(mask[box] == label, radius)
        tie = (share == best[box]) & (mask[box] == label)
        wins = (share > best[box]) | tie
        best[box][wins] = share[wins]
        winners[box][wins] = label
    return winners


def _blurred(flags: Flags, radius: float) -> NDArray[np.float32]:
    sigma = max(radius / 2, 0.1)
    reach = int(np.ceil(radius))
    blurred: NDArray[np.float32] = ndimage.gaussian_filter(
        flags.astype(np.float32), sigma, mode="nearest", radius=reach
    )
    return blurred


def _grown(flags: Flags, margin: int) -> Box:
    """Give the box around what is set, plus a margin; something must be set."""
    box = ndimage.find_objects(flags.view(np.int8))[0]
    rows, columns = (
        slice(max(span.start - margin, 0), min(span.stop + margin, length))
        for span, length in zip(box, flags.shape, strict=True)
    )
    return rows, columns


def _regions(mask: Mask, label: int | None) -> Regions:
    """Give the connected regions of equal label numbers from 1, diagonal neighbours included."""
    from skimage import measure

    number: Callable[..., NDArray[np.integer]] = measure.label
    chosen = mask if label is None else (mask == label).view(np.uint8)
    return number(chosen, background=0, connectivity=2).astype(np.int32)


def _small_regions(regions: Regions, mask: Mask, min_area: int) -> Flags:
    """Tell which regions, by number, are small and not the largest of their label."""
    areas = np.bincount(regions.reshape(-1))
    labels = np.zeros(len(areas), np.uint8)
    labels[regions] = mask
    order = np.argsort(areas[1:], kind="stable") + 1
    largest = np.zeros(256, np.intp)
    largest[labels[order]] = order
    small = areas < min_area
    small[0] = False
    small[largest] = False
    return small


def _neighbours(
    regions: Regions, mask: Mask, outside: Flags
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """List which labels lie next to which regions outside of them.

    Returns
    -------
    region, label, count
        For each pair that occurs, how many times it does, (n,) each.
    """
    found = []
    for axis in (0, 1):
        low = [slice(None), slice(None)]
        high = [slice(None), slice(None)]
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        for here, there in ((tuple(low), tuple(high)), (tuple(high), tuple(low))):
            at = np.nonzero((regions[here] > 0) & outside[there])
            found.append(regions[here][at].astype(np.intp) * 256 + mask[there][at])
    pairs, counts = np.unique(np.concatenate(found), return_counts=True)
    return pairs // 256, pairs % 256, counts


def _rim(values: Regions) -> Regions:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
