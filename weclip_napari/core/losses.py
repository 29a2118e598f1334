"""Losses that train the decoder from pseudo labels."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORE = 255
AFFINITY_RADIUS = 8
AFFINITY_WEIGHT = 0.1  # lambda; supplement, table 4


class Losses(NamedTuple):
    """Scalar losses of one batch."""

    segmentation: Tensor
    affinity: Tensor
    total: Tensor


def combine(sums: Tensor, counts: Tensor, weight: float = AFFINITY_WEIGHT) -> Losses:
    """Make the losses of a batch of its sums and counts; those of its parts add up.

    Segmentation: cross entropy, half from background pixels and half from the others, each half a
    mean over the pixels of the whole batch; one without pixels counts zero. Affinity: A_f is
    pulled to 1 where labels agree and to 0 where they differ, half from each.

    Parameters
    ----------
    sums : Tensor
        (4,), from `loss_sums`.
    counts : Tensor
        (4,), from `loss_counts`.
    weight : float
        Of the affinity loss in the total.
    """
    segmentation = (sums[:2] / counts[:2].clamp(min=1)).sum() / 2
    affinity = (sums[2:] / (counts[2:] + 1)).sum() / 2
    return Losses(segmentation, affinity, segmentation + weight * affinity)


def radius_mask(grid: tuple[int, int], radius: int = AFFINITY_RADIUS) -> Tensor:
    """Return (n, n) bool: patches at most `radius` rows and columns apart (a square window)."""
    rows, columns = (torch.arange(size) for size in grid)
    near_rows = (rows[:, None] - rows).abs() <= radius
    near_columns = (columns[:, None] - columns).abs() <= radius
    near = near_rows[:, None, :, None] & near_columns[None, :, None, :]
    return near.flatten(2).flatten(0, 1)


def affinity_label(labels: Tensor, grid: tuple[int, int], radius: int = AFFINITY_RADIUS) -> Tensor:
    """Say which pairs of patches carry the same label.

    Each patch takes the label of its top-left pixel.

    Parameters
    ----------
    labels : Tensor
        (b, H, W) integers, 255 ignored.
    grid : tuple of int
        (h, w), the patch grid of the same image.
    radius : int
        Pairs further apart than this, in rows or columns, are ignored.

    Returns
    -------
    Tensor
        (b, n, n) uint8: 1 same label, 0 different, 255 ignored.
    """
    patches = labels[:, _first_pixels(labels.shape[1], grid[0])]
    patches = patches[:, :, _first_pixels(labels.shape[2], grid[1])].flatten(1)
    known = patches != IGNORE
    same = (patches[:, :, None] == patches[:, None, :]).to(torch.uint8)
    valid = known[:, :, None] & known[:, None, :] & radius_mask(grid, radius).to(labels.device)
    return torch.where(valid, same, torch.full_like(same, IGNORE))


def _first_pixels(pixels: int, cells: int) -> Tensor:
    """Return floor(i * pixels / cells) for every cell i, in integers."""
    return torch.arange(cells) * pixels // cells


def loss_counts(labels: Tensor, pairs: Tensor) -> Tensor:
    """Count background and other pixels, pairs of one label and of two; (4,) int64.

    Parameters
    ----------
    labels, pairs : Tensor
        As for `loss_sums`.
    """
    masks = (*_pixel_masks(labels), *_pair_masks(pairs))
    return torch.stack([mask.sum() for mask in masks])


def loss_sums(logits: Tensor, affinity: Tensor, labels: Tensor, pairs: Tensor) -> Tensor:
    """Sum up what the losses of some images of one size are made of.

    Parameters
    ----------
    logits : Tensor
        (b, classes + 1, h, w), upsampled bilinearly to the labels' size.
    affinity : Tensor
        A_f, (b, n, n) in (0, 1).
    labels : Tensor
        (b, H, W) integers, 0 background, 255 ignored; taken as constants.
    pairs : Tensor
        (b, n, n), from `affinity_label`; of other labels where those supervise A_f
        (supplement, table 3).

    Returns
    -------
    Tensor
        (4,), with gradients: cross entropy over background and over other pixels, 1 - A_f over
        pairs of one label, A_f over pairs of two.
    """
    # Decoders give channels last; bilinear backward and softmax are faster the other way.
    upsampled = F.interpolate(logits.contiguous(), size=labels.shape[-2:], mode="bilinear")
    entropy = F.cross_entropy(upsampled, labels.long(), ignore_index=IGNORE, reduction="none")
    background, foreground = _pixel_masks(labels)
    same, different = _pair_masks(pairs)
    return torch.stack(
        [
            _sum_over(background, entropy),
            _sum_over(foreground, entropy),
            _sum_over(same, 1 - affinity),
            _sum_over(different, affinity),
        ]
    )


def _pixel_masks(labels: Tensor) -> tuple[Tensor, Tensor]:
    return labels == 0, (labels != 0) & (labels != IGNORE)


def _pair_masks(pairs: Tensor) -> tuple[Tensor, Tensor]:
    return pairs == 1, pairs == 0


def _sum_over(mask: Tensor, values: Tensor) -> Tensor:
    """Sum up over a mask as a dot product: picking values out takes twice as long."""
    return values.flatten() @ mask.flatten().to(values.dtype)
