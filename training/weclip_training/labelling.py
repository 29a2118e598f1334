"""What the images of a batch are trained towards, made as the decoder stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from weclip_napari.core.losses import affinity_label
from weclip_napari.core.postprocess import resize
from weclip_training.batches import Slot, Target
from weclip_training.targets import affinity_target, agreed, final_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from weclip_napari.core.decoder import DecoderOutput
    from weclip_training.batches import Group
    from weclip_training.config import FitConfig
    from weclip_training.views import View, ViewBuilder


@dataclass(frozen=True)
class Labelling:
    """Makes the labels of batches.

    Attributes
    ----------
    module : GroupedDecoder
        The decoder, perhaps shared with other processes.
    builder : ViewBuilder
        Makes the pseudo labels of the views.
    config : FitConfig
        How.
    unseen : tuple of int
        Label ids of classes that the decoder can know from pseudo labels alone; their pixels need
        nobody's agreement.
    """

    module: nn.Module
    builder: ViewBuilder
    config: FitConfig
    unseen: tuple[int, ...] = ()

    def targets(self, groups: Sequence[Group], step: int) -> list[Target]:
        """Make the labels of each group.

        Once the pseudo labels use A_f, or A_f learns from the decoder's own prediction, the
        decoder looks at the views first, with the same dropout. What it is asked to agree with,
        it sees without. All of that counts as constant.
        """
        switch = self.config.switch_step
        switched = switch is not None and step >= switch
        outputs: Sequence[DecoderOutput | None] = [None] * len(groups)
        if switched or self.config.affinity_target != "label":
            with torch.no_grad():
                outputs = self.module(groups)
        opinions = self._opinions(groups) if self.config.agreement else {}
        return [
            self._target(group, output, opinions, switched=switched)
            for group, output in zip(groups, outputs, strict=True)
        ]

    @torch.no_grad()
    def _opinions(self, groups: Sequence[Group]) -> dict[int, Tensor]:
        """Return the decoder's logits, (C + 1, h, w), of each view with tags, by its identity."""
        asked = [[_undropped(slot) for slot in group if len(slot.view.ids)] for group in groups]
        asked = [group for group in asked if group]
        outputs = self.module(asked) if asked else []
        return {
            id(slot.view): logits
            for group, output in zip(asked, outputs, strict=True)
            for slot, logits in zip(group, output.logits, strict=True)
        }

    def _target(
        self,
        group: Group,
        output: DecoderOutput | None,
        opinions: Mapping[int, Tensor],
        *,
        switched: bool,
    ) -> Target:
        labels, affinity_labels = [], []
        for number, (view, _) in enumerate(group):
            learned = output.affinity[number].float() if output is not None and switched else None
            label = self._label(view, learned, opinions.get(id(view)))
            labels.append(label)
            prediction = None if output is None else _prediction(output.logits[number], label)
            kind = self.config.affinity_target
            affinity_labels.append(affinity_target(label, prediction, kind))
        pairs = affinity_label(torch.stack(affinity_labels), group[0].view.grid)
        return Target(torch.stack(labels), pairs)

    def _label(self, view: View, learned: Tensor | None, opinion: Tensor | None) -> Tensor:
        """Return the label of one view, (H, W) uint8."""
        pseudo = self.builder.pseudo_label(view, learned, self.config.ignore_margin)
        if opinion is not None:
            pseudo = agreed(pseudo, opinion.float(), view.ids, self.unseen)
        return final_label(pseudo, view.target)


def _undropped(slot: Slot) -> Slot:
    return slot._replace(channel_mask=torch.ones_like(slot.channel_mask))


def _prediction(logits: Tensor, label: Tensor) -> Tensor:
    """Return the argmax, (H, W) uint8, of (C + 1, h, w) logits at the label's size."""
    size = (label.shape[0], label.shape[1])
    return resize(logits.float()[None], size)[0].argmax(dim=0).to(torch.uint8)
