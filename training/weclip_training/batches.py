"""Batches: which images a step sees, the decoder on them, and their losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn

from weclip_napari.core.losses import loss_counts, loss_sums
from weclip_training.ordering import image_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from weclip_napari.core.decoder import DecoderOutput, WeclipDecoder
    from weclip_training.config import FitConfig
    from weclip_training.view_sources import ViewSource
    from weclip_training.views import View

_VIEW, _DROPOUT = 1, 2
"""What random numbers are for; each purpose has a stream of its own, the order stream 0."""


class Slot(NamedTuple):
    """One image of a batch, with what dropout does to its fused channels, (width,)."""

    view: View
    channel_mask: Tensor


Group = list[Slot]
"""Slots whose views have one size."""


class Target(NamedTuple):
    """What a group is trained towards: labels (b, H, W) and pairs (b, n, n), uint8."""

    labels: Tensor
    pairs: Tensor


class GroupedDecoder(nn.Module):
    """The decoder on views of any sizes, in one call, as several processes need it."""

    def __init__(self, decoder: WeclipDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, groups: Sequence[Group]) -> list[DecoderOutput]:
        """Decode each group."""
        return [
            self.decoder(
                torch.stack([slot.view.tokens.float() for slot in group]),
                group[0].view.grid,
                torch.stack([slot.channel_mask for slot in group]),
            )
            for group in groups
        ]


def draw_slot(
    views: ViewSource, decoder: WeclipDecoder, config: FitConfig, step: int, slot: int
) -> Slot:
    """Give one slot of a step's batch; it depends on nothing but the seed and the two numbers."""
    index = image_at(step * config.batch + slot, views.strata, config.seed)
    view = views.view(index, np.random.default_rng((config.seed, _VIEW, step, slot)))
    rng = np.random.default_rng((config.seed, _DROPOUT, step, slot))
    rate = decoder.config.dropout
    kept = rng.random(decoder.config.width) >= rate
    mask = torch.from_numpy(kept / (1 - rate)).to(view.tokens.device, torch.float32)
    return Slot(view, mask)


def group_by_size(slots: Sequence[Slot]) -> list[Group]:
    """Put slots whose views have one size together."""
    groups: dict[tuple[object, ...], Group] = {}
    for slot in slots:
        groups.setdefault((slot.view.grid, slot.view.target.shape), []).append(slot)
    return list(groups.values())


def count(targets: Sequence[Target]) -> Tensor:
    """Count what the losses of all groups sum up over, (4,)."""
    return torch.stack([loss_counts(*target) for target in targets]).sum(dim=0)


def sum_up(outputs: Sequence[DecoderOutput], targets: Sequence[Target]) -> Tensor:
    """Sum up the losses of all groups, (4,)."""
    parts = [
        loss_sums(output.logits.float(), output.affinity.float(), *target)
        for output, target in zip(outputs, targets, strict=True)
    ]
    return torch.stack(parts).sum(dim=0)
