"""Was it worth it: proposals of two models on the same held-out images."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weclip_napari.core.classes import ClassSet
from weclip_napari.core.metrics import class_iou, confusion_matrix
from weclip_napari.core.predictor import Predictor
from weclip_napari.errors import UserError
from weclip_napari.session.dataset import read_example

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from weclip_napari.core.model import WeclipModel
    from weclip_napari.session.dataset import Dataset, Example

BACKGROUND = "background"


@dataclass(frozen=True)
class Comparison:
    """IoU in percent on held-out images, before and after.

    Attributes
    ----------
    images
        How many were held out and could be read.
    before, after
        From class, background included, to its IoU in percent; None where neither the truth nor
        a proposal has it.
    """

    images: int
    before: dict[str, float | None]
    after: dict[str, float | None]

    @property
    def mean_before(self) -> float | None:
        """Mean over the classes that are scored, before."""
        return _mean(self.before)

    @property
    def mean_after(self) -> float | None:
        """Mean over the classes that are scored, after."""
        return _mean(self.after)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, the means among them."""
        means = {"mean_before": self.mean_before, "mean_after": self.mean_after}
        return {**asdict(self), **means}


def compare(
    before: WeclipModel,
    after: WeclipModel,
    held_out: Dataset,
    synonyms: Mapping[str, str],
) -> Comparison:
    """Score what either model proposes for the tags of the held-out images that can be read.

    Parameters
    ----------
    before, after
        Tags that a decoder does not know come from the CAM, as in the annotator.
    held_out
        Images with tags and masks.
    synonyms
        From class name to the words for its prompt.

    Raises
    ------
    UserError
        When not one image can be read.
    """
    held_out = replace(held_out, examples=_readable(held_out.examples))
    return Comparison(
        len(held_out.examples),
        score_proposals(before, held_out, synonyms),
        score_proposals(after, held_out, synonyms),
    )


def _readable(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Leave out what was lost or damaged since; training tells of it where it scores."""
    found, problems = [], []
    for example in examples:
        try:
            read_example(example)
        except UserError as error:
            problems.append(str(error))
        else:
            found.append(example)
    if problems and not found:
        raise UserError(f"Not one held-out image can be scored: {problems[0]}")
    return tuple(found)


def score_proposals(
    model: WeclipModel, held_out: Dataset, synonyms: Mapping[str, str]
) -> dict[str, float | None]:
    """Return the IoU in percent of each class, background first, over all images; see `compare`.

    Raises
    ------
    UserError
        When an image cannot be read or its mask has another size.
    """
    predictor, classes = Predictor(model), ClassSet.from_names(held_out.classes)
    size = len(classes) + 1
    matrix = np.zeros((size, size), np.int64)
    for example in held_out.examples:
        image, truth = read_example(example)
        proposed = np.zeros_like(truth)
        if example.tags:
            predictor.set_image(image)
            proposal = predictor.propose(example.tags, synonyms=synonyms)
            ids = [0, *(classes.label_id(tag) for tag in proposal.tags)]
            proposed = np.array(ids, np.uint8)[proposal.label_map]
        matrix += confusion_matrix(truth, proposed, size)
    iou = 100 * class_iou(matrix)
    names = (BACKGROUND, *classes.names)
    return {
        name: None if np.isnan(value) else round(float(value), 2)
        for name, value in zip(names, iou, strict=True)
    }


def _mean(scores: Mapping[str, float | None]) -> float | None:
    known = [value for value in scores.values() if value is not None]
    return round(sum(known) / len(known), 2) if known else None
