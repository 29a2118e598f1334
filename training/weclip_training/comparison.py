"""Was it worth it: proposals of two models on the same held-out images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weclip_napari.core.classes import ClassSet
from weclip_napari.core.metrics import class_iou, confusion_matrix
from weclip_napari.core.predictor import Predictor
from weclip_napari.errors import UserError
from weclip_napari.session.dataset import read_example

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from weclip_napari.core.model import WeclipModel
    from weclip_napari.session.dataset import Dataset

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
    scores = [_Scores(model, held_out.classes, synonyms) for model in (before, after)]
    problems: list[str] = []
    for example in held_out.examples:
        try:
            image, truth = read_example(example)
        except UserError as error:  # lost or damaged since; training tells of it where it scores
            problems.append(str(error))
            continue
        for score in scores:
            score.add(image, truth, example.tags)
    images = len(held_out.examples) - len(problems)
    if problems and not images:
        raise UserError(f"Not one held-out image can be scored: {problems[0]}")
    return Comparison(images, *(score.iou() for score in scores))


class _Scores:
    """How well one model's proposals fit, image by image."""

    def __init__(
        self, model: WeclipModel, classes: tuple[str, ...], synonyms: Mapping[str, str]
    ) -> None:
        self._predictor, self._synonyms = Predictor(model), synonyms
        self._classes = ClassSet.from_names(classes)
        self._size = len(self._classes) + 1
        self._matrix = np.zeros((self._size, self._size), np.int64)

    def add(
        self, image: NDArray[np.uint8], truth: NDArray[np.uint8], tags: tuple[str, ...]
    ) -> None:
        """Count what is proposed for the tags of an image."""
        proposed = np.zeros_like(truth)
        if tags:
            self._predictor.set_image(image)
            proposal = self._predictor.propose(tags, synonyms=self._synonyms)
            ids = [0, *(self._classes.label_id(tag) for tag in proposal.tags)]
            proposed = np.array(ids, np.uint8)[proposal.label_map]
        self._matrix += confusion_matrix(truth, proposed, self._size)

    def iou(self) -> dict[str, float | None]:
        """Return the IoU in percent of each class, background first, over all images."""
        values = 100 * class_iou(self._matrix)
        names = (BACKGROUND, *self._classes.names)
        return {
            name: None if np.isnan(value) else round(float(value), 2)
            for name, value in zip(names, values, strict=True)
        }


def _mean(scores: Mapping[str, float | None]) -> float | None:
    known = [value for value in scores.values() if value is not None]
    return round(sum(known) / len(known), 2) if known else None
