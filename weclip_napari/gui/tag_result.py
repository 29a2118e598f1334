"""A proposal as the layers and the table of tags need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weclip_napari.gui.layer_data import with_class_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from weclip_napari.core.proposal import Proposal
    from weclip_napari.session.annotation import AnnotationStore
    from weclip_napari.session.class_table import LabelClass


@dataclass(frozen=True)
class TagResult:
    """One tag of a proposal: its class, CLIP probability, source and share of the image."""

    tag: str
    label_class: LabelClass
    score: float
    branch: str
    share: float


@dataclass(frozen=True)
class Proposed:
    """A proposal with the label ids of a folder.

    Attributes
    ----------
    proposal
        As the model gave it.
    mask
        Its masks as label ids, (H, W) uint8.
    results
        Its tags.
    """

    proposal: Proposal
    mask: NDArray[np.uint8]
    results: list[TagResult]


def with_label_ids(proposal: Proposal, store: AnnotationStore) -> Proposed:
    """Give the tags of a proposal their classes, new ones if need be; called in any thread.

    Raises
    ------
    UserError
        When all label ids are taken or the classes cannot be read.
    """
    classes = [store.ensure_class(tag) for tag in proposal.tags]
    mask = with_class_ids(proposal.label_map, [label_class.id for label_class in classes])
    return Proposed(proposal, mask, _tag_results(proposal, classes))


def _tag_results(proposal: Proposal, classes: Sequence[LabelClass]) -> list[TagResult]:
    counts = np.bincount(proposal.label_map.ravel(), minlength=len(classes) + 1)
    shares = [float(count) / proposal.label_map.size for count in counts[1 : len(classes) + 1]]
    scores = [float(score) for score in proposal.scores]
    rows = zip(proposal.tags, classes, scores, proposal.branches, shares, strict=True)
    return [TagResult(*row) for row in rows]
