"""Counting label maps against the truth, and what comes out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weclip_napari.core.metrics import class_iou, confusion_matrix, mean_iou, tag_auc
from weclip_napari.session.masks import IGNORE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    LabelMap = NDArray[np.uint8]

BACKGROUND_NAME = "background"


@dataclass(frozen=True)
class EvaluationReport:
    """Scores of a model on a data set; None where there is nothing to score.

    Attributes
    ----------
    n_images
        Images scored.
    seconds
        Time taken for them, reading included.
    tag_auc
        Mean over the classes of the area under the ROC curve of their tag scores, in [0, 1].
    miou
        From stage (see `weclip_napari.stages`) to mean IoU in percent over the classes present in
        the truth, background included, from one confusion matrix of all images.
    per_class
        From class to its IoU in percent for each stage, and its ``tag_auc``.
    problems
        One message for each image that could not be scored.
    """

    n_images: int
    seconds: float
    tag_auc: float | None
    miou: dict[str, float | None]
    per_class: dict[str, dict[str, float | None]]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the scores as plain JSON values."""
        return asdict(self)


class Tally:
    """Counts over the images of a data set.

    Parameters
    ----------
    classes : tuple of str
        Label id i + 1 means ``classes[i]``.
    stages : sequence of str
        What is reported.

    Attributes
    ----------
    n_images : int
        Images counted.
    """

    def __init__(self, classes: tuple[str, ...], stages: Sequence[str]) -> None:
        self.n_images = 0
        self._classes = classes
        self._stages = tuple(stages)
        self._size = len(classes) + 2  # background, classes, "any other class"
        self._matrices: dict[str, NDArray[np.int64]] = {}
        self._scores: list[list[float]] = []
        self._present: list[list[bool]] = []

    def add(
        self,
        truth: LabelMap,
        maps: Mapping[str, LabelMap],
        tags: Sequence[str],
        scores: Mapping[str, float] | None = None,
    ) -> None:
        """Count one image.

        Parameters
        ----------
        truth : ndarray of uint8
            (H, W) label ids; those that are no class, 255 among them, are not counted.
        maps : mapping
            From stage to label ids, (H, W), at most ``len(classes) + 1``.
        tags : sequence of str
            Classes that the image shows.
        scores : mapping, optional
            From every class to a number by which images can be ranked.
        """
        truth = np.where(truth > len(self._classes), np.uint8(IGNORE), truth)
        for stage, labels in maps.items():
            matrix = confusion_matrix(truth, labels, self._size)
            self._matrices[stage] = self._matrices.get(stage, 0) + matrix
        if scores is not None:
            self._scores.append([scores[name] for name in self._classes])
            self._present.append([name in tags for name in self._classes])
        self.n_images += 1

    def report(self, seconds: float, problems: tuple[str, ...]) -> EvaluationReport:
        """Turn the counts into scores."""
        auc = self._auc()
        names = (BACKGROUND_NAME, *self._classes)
        per_class: dict[str, dict[str, float | None]] = {name: {} for name in names}
        for stage in self._stages:
            matrix = self._matrices.get(stage)
            iou = np.full(self._size, np.nan) if matrix is None else class_iou(matrix)
            for name, value in zip(names, iou, strict=False):
                per_class[name][stage] = _percent(value)
        for name, value in zip(self._classes, auc, strict=True):
            per_class[name]["tag_auc"] = _number(value)
        return EvaluationReport(
            n_images=self.n_images,
            seconds=round(seconds, 3),
            tag_auc=_number(float(np.nanmean(auc))) if np.isfinite(auc).any() else None,
            miou={stage: self._mean(stage) for stage in self._stages},
            per_class=per_class,
            problems=problems,
        )

    def _auc(self) -> NDArray[np.float64]:
        if not self._scores:
            return np.full(len(self._classes), np.nan)
        return tag_auc(self._scores, self._present)

    def _mean(self, stage: str) -> float | None:
        matrix = self._matrices.get(stage)
        return None if matrix is None or not matrix.any() else _percent(mean_iou(matrix))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _percent(share: float) -> float | None:
    return None if np.isnan(share) else round(100 * float(share), 2)
