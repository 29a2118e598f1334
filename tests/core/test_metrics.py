import numpy as np
import pytest

from weclip_napari.core.metrics import (
    class_iou,
    confusion_matrix,
    mean_class_accuracy,
    mean_iou,
    pixel_accuracy,
    tag_auc,
)

TRUTH = np.array([[0, 0, 1, 255]], dtype=np.uint8)
PREDICTION = np.array([[0, 2, 1, 1]], dtype=np.uint8)


def test_rows_are_the_truth_and_unknown_pixels_are_left_out() -> None:
    matrix = confusion_matrix(TRUTH, PREDICTION, 3)
    assert matrix.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_scores_are_of_the_classes_in_the_truth() -> None:
    matrix = confusion_matrix(TRUTH, PREDICTION, 3)
    assert np.array_equal(class_iou(matrix), [0.5, 1, np.nan], equal_nan=True)
    assert mean_iou(matrix) == 0.75
    assert pixel_accuracy(matrix) == pytest.approx(2 / 3)
    assert mean_class_accuracy(matrix) == 0.75


def test_matrices_add_up() -> None:
    one = confusion_matrix(TRUTH, PREDICTION, 3)
    both = confusion_matrix(np.vstack([TRUTH] * 2), np.vstack([PREDICTION] * 2), 3)
    assert np.array_equal(one + one, both)


def test_tag_auc_counts_ties_half_and_skips_what_cannot_be_ranked() -> None:
    scores = [[0.9, 0.5, 1], [0.1, 0.5, 1], [0.8, 0.5, 1], [0.2, 0.5, 1]]
    present = [[1, 1, 1], [0, 0, 1], [0, 0, 1], [1, 1, 1]]
    assert np.array_equal(tag_auc(scores, present), [0.75, 0.5, np.nan], equal_nan=True)
