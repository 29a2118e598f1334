"""Batches: which images a step sees, what they are trained towards, and the decoder on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn

from weclip_napari.core.losses import LossSums, loss_counts, loss_sums
from weclip_napari.core.postprocess import resize
from weclip_training.ordering import image_at
from weclip_training.targets import affinity_target, agreed, final_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from weclip_napari.core.decoder import DecoderOutput, WeclipDecoder
    from weclip_training.config import FitConfig
    from weclip_training.view_sources import ViewSource
    from weclip_training.views import View, ViewBuilder

_VIEW, _DROPOUT = 1, 2
"""What random numbers are for; each purpose has a stream of its own, the order stream 0."""


class Slot(NamedTuple):
    """One image of a batch, with what dropout does to its fused channels, (width,)."""

    view: View
    channel_mask: Tensor


Group = list[Slot]
"""Slots whose views have one size."""


class Target(NamedTuple):
    """What a group is trained towards: labels of its logits and of A_f, (b, H, W) uint8."""

    labels: Tensor
    affinity_labels: Tensor


class GroupedDecoder(nn.Module):
    """The decoder on views of any sizes, in one call, as several processes need it."""

    def __init__(self, decoder: WeclipDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, groups: Sequence[Group]) -> list[DecoderOutput]:
        """Decode each group."""
        return [
            self.decoder(
                torch.stack([slot.view.tokens for slot in group]).float(),
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


def targets_of(
    module: nn.Module, groups: Sequence[Group], builder: ViewBuilder, config: FitConfig, step: int
) -> list[Target]:
    """Make the labels of each group.

    Once the pseudo labels use A_f, or A_f learns from the decoder's own prediction, the decoder
    looks at the views first, with the same dropout. What it is asked to agree with, it sees
    without. All of that counts as constant.
    """
    switched = config.switch_step is not None and step >= config.switch_step
    outputs: Sequence[DecoderOutput | None] = [None] * len(groups)
    if switched or config.affinity_target != "label":
        with torch.no_grad():
            outputs = module(groups)
    opinions = _opinions(module, groups) if config.agreement else {}
    return [
        _target(group, output, opinions, builder, config, switched=switched)
        for group, output in zip(groups, outputs, strict=True)
    ]


@torch.no_grad()
def _opinions(module: nn.Module, groups: Sequence[Group]) -> dict[int, Tensor]:
    """Return the decoder's logits, (C + 1, h, w), of each view that has tags, by its identity."""
    asked = [[_undropped(slot) for slot in group if len(slot.view.ids)] for group in groups]
    asked = [group for group in asked if group]
    outputs = module(asked) if asked else []
    return {
        id(slot.view): logits
        for group, output in zip(asked, outputs, strict=True)
        for slot, logits in zip(group, output.logits, strict=True)
    }


def _undropped(slot: Slot) -> Slot:
    return slot._replace(channel_mask=torch.ones_like(slot.channel_mask))


def _target(
    group: Group,
    output: DecoderOutput | None,
    opinions: Mapping[int, Tensor],
    builder: ViewBuilder,
    config: FitConfig,
    *,
    switched: bool,
) -> Target:
    labels, affinity_labels = [], []
    for number, (view, _) in enumerate(group):
        learned = output.affinity[number].float() if output is not None and switched else None
        pseudo = builder.pseudo_label(view, learned, config.ignore_margin)
        if (opinion := opinions.get(id(view))) is not None:
            pseudo = agreed(pseudo, opinion.float(), view.ids)
        label = final_label(pseudo, view.target)
        labels.append(label)
        prediction = None if output is None else _prediction(output.logits[number], label)
        affinity_labels.append(affinity_target(label, prediction, config.affinity_target))
    return Target(torch.stack(labels), torch.stack(affinity_labels))


def _prediction(logits: Tensor, label: Tensor) -> Tensor:
    """Return the argmax, (H, W) uint8, of (C + 1, h, w) logits at the label's size."""
    size = (label.shape[0], label.shape[1])
    return resize(logits.float()[None], size)[0].argmax(dim=0).to(torch.uint8)


def count(groups: Sequence[Group], targets: Sequence[Target]) -> Tensor:
    """Count what the losses of all groups sum up over, (4,)."""
    counts = [
        loss_counts(target.labels, group[0].view.grid, target.affinity_labels)
        for group, target in zip(groups, targets, strict=True)
    ]
    return torch.stack(counts).sum(dim=0)


def sum_up(outputs: Sequence[DecoderOutput], targets: Sequence[Target]) -> LossSums:
    """Sum up the losses of all groups."""
    parts = [
        loss_sums(out.logits.float(), out.affinity.float(), target.labels, target.affinity_labels)
        for out, target in zip(outputs, targets, strict=True)
    ]
    return LossSums(
        torch.stack([part.sums for part in parts]).sum(dim=0),
        torch.stack([part.counts for part in parts]).sum(dim=0),
    )
