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


class LossSums(NamedTuple):
    """What the losses of a batch are made of; those of its parts, on any machine, add up.

    Attributes
    ----------
    sums : Tensor
        (4,), with gradients: cross entropy over background and over foreground pixels, 1 - A_f
        over pairs of one label, A_f over pairs of two.
    counts : Tensor
        (4,) of as many pixels and pairs.
    """

    sums: Tensor
    counts: Tensor

    def plus(self, other: LossSums) -> LossSums:
        """Return the sums of both parts."""
        return LossSums(self.sums + other.sums, self.counts + other.counts)

    def losses(self, weight: float, counts: Tensor | None = None) -> Losses:
        """Return the losses of the batch.

        Parameters
        ----------
        weight : float
            Of the affinity loss in the total.
        counts : Tensor, optional
            (4,), of the whole batch where this is only a part of it.
        """
        counts = self.counts if counts is None else counts
        segmentation = (self.sums[:2] / counts[:2].clamp(min=1)).sum() / 2
        affinity = (self.sums[2:] / (counts[2:] + 1)).sum() / 2
        return Losses(segmentation, affinity, segmentation + weight * affinity)


def segmentation_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy, half from background pixels and half from the others.

    Each half is a mean over the pixels of the whole batch; a half without pixels counts zero.

    Parameters
    ----------
    logits : Tensor
        (b, classes + 1, h, w), upsampled bilinearly to the labels' size.
    labels : Tensor
        (b, H, W) integers, 0 background, 255 ignored.
    """
    sums, counts = _pixel_sums(logits, labels)
    return (sums / counts.clamp(min=1)).sum() / 2


def _pixel_sums(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cross entropy over background and foreground pixels, and their numbers."""
    upsampled = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear")
    labels = labels.long()
    losses = F.cross_entropy(upsampled, labels, ignore_index=IGNORE, reduction="none")
    background = labels == 0
    foreground = ~background & (labels != IGNORE)
    return _sums([(losses, background), (losses, foreground)])


def _sums(parts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Sum values up over masks, as dot products: picking values out takes twice as long."""
    dots = [values.flatten() @ mask.flatten().to(values.dtype) for values, mask in parts]
    return torch.stack(dots), torch.stack([mask.sum() for _, mask in parts])


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


def pair_counts(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Count the pairs with the same and with different labels over the batch, each plus one."""
    return (pairs == 1).sum() + 1, (pairs == 0).sum() + 1


def affinity_loss(affinity: Tensor, pairs: Tensor) -> Tensor:
    """Pull A_f to 1 where labels agree and to 0 where they differ.

    Parameters
    ----------
    affinity : Tensor
        A_f, (b, n, n) in (0, 1).
    pairs : Tensor
        (b, n, n), from `affinity_label`.
    """
    sums, _ = _pair_sums(affinity, pairs)
    return (sums / torch.stack(pair_counts(pairs))).sum() / 2


def _pair_sums(affinity: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Return 1 - A_f over pairs of one label, A_f over pairs of two, and their numbers."""
    return _sums([(1 - affinity, pairs == 1), (affinity, pairs == 0)])


def loss_sums(
    logits: Tensor, affinity: Tensor, labels: Tensor, affinity_labels: Tensor | None = None
) -> LossSums:
    """Sum up what the losses of some images of one size are made of.

    Parameters
    ----------
    logits : Tensor
        (b, classes + 1, h, w).
    affinity : Tensor
        A_f, (b, h * w, h * w).
    labels : Tensor
        (b, H, W) pseudo labels, 255 ignored; taken as constants.
    affinity_labels : Tensor, optional
        (b, H, W), what supervises A_f where that is something else (supplement, table 3).
    """
    source = labels if affinity_labels is None else affinity_labels
    pairs = affinity_label(source, (logits.shape[2], logits.shape[3]))
    pixels, pixel_counts = _pixel_sums(logits, labels)
    ties, tie_counts = _pair_sums(affinity, pairs)
    return LossSums(torch.cat([pixels, ties]), torch.cat([pixel_counts, tie_counts]))


def loss_counts(labels: Tensor, grid: tuple[int, int], affinity_labels: Tensor) -> Tensor:
    """Count what `loss_sums` will sum up over, (4,), before there are any logits."""
    pairs = affinity_label(affinity_labels, grid)
    pixels = [labels == 0, (labels != 0) & (labels != IGNORE)]
    return torch.stack([part.sum() for part in (*pixels, pairs == 1, pairs == 0)])


def total_loss(
    logits: Tensor, affinity: Tensor, labels: Tensor, weight: float = AFFINITY_WEIGHT
) -> Losses:
    """Compute all losses of a batch of images of one size; see `loss_sums`.

    Parameters
    ----------
    logits, affinity, labels : Tensor
        As for `loss_sums`.
    weight : float
        Of the affinity loss in the total.
    """
    return loss_sums(logits, affinity, labels).losses(weight)
