"""Scores of label maps and of image tags, in numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def confusion_matrix(
    truth: NDArray[np.integer], prediction: NDArray[np.integer], classes: int
) -> NDArray[np.int64]:
    """Count pixels by true and predicted class.

    Parameters
    ----------
    truth, prediction : ndarray of int
        Label maps of the same shape. Pixels whose true label is not in [0, classes), such as
        255, are left out.
    classes : int
        Number of classes with the background.

    Returns
    -------
    ndarray of int64
        (classes, classes), rows are the truth. Matrices of several images may be added.
    """
    counted = (truth >= 0) & (truth < classes)
    flat = truth[counted].astype(np.int64) * classes + prediction[counted]
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)


def class_iou(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of every class, (classes,); NaN where the truth never has it."""
    hits = np.diag(matrix)
    union = matrix.sum(axis=0) + matrix.sum(axis=1) - hits
    return _over_present(hits, union, matrix)


def mean_iou(matrix: NDArray[np.int64]) -> float:
    """Mean intersection over union of the classes present in the truth, in [0, 1]."""
    return float(np.nanmean(class_iou(matrix)))


def pixel_accuracy(matrix: NDArray[np.int64]) -> float:
    """Share of the counted pixels whose class is right."""
    return float(np.trace(matrix) / matrix.sum())


def mean_class_accuracy(matrix: NDArray[np.int64]) -> float:
    """Mean over the classes present in the truth of the share of their pixels found."""
    return float(np.nanmean(_over_present(np.diag(matrix), matrix.sum(axis=1), matrix)))


def _over_present(
    part: NDArray[np.int64], whole: NDArray[np.int64], matrix: NDArray[np.int64]
) -> NDArray[np.float64]:
    present = matrix.sum(axis=1) > 0
    ratio = np.full(len(matrix), np.nan)
    ratio[present] = part[present] / whole[present]
    return ratio


def tag_auc(scores: ArrayLike, present: ArrayLike) -> NDArray[np.float64]:
    """Area under the ROC curve of every tag over a set of images.

    Parameters
    ----------
    scores : array_like of float
        (images, tags), higher where the tag is more likely.
    present : array_like of bool
        (images, tags), True where the image has the tag.

    Returns
    -------
    ndarray of float64
        (tags,): the chance that an image with the tag scores higher than one without, ties
        counting half; NaN for a tag that all images have or none.
    """
    from scipy.stats import rankdata  # late: it takes a second, for which no menu must wait

    truth = np.asarray(present, dtype=bool)
    ranks = rankdata(np.asarray(scores, dtype=np.float64), axis=0)
    positives = truth.sum(axis=0)
    pairs = positives * (len(truth) - positives)
    wins = (ranks * truth).sum(axis=0) - positives * (positives + 1) / 2
    auc = np.full(truth.shape[1], np.nan)
    np.divide(wins, pairs, out=auc, where=pairs > 0)
    return auc
