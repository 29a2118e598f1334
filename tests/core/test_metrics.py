import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

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


def test_the_mean_of_a_hand_worked_example() -> None:
    """Two images of 4 x 4; 255 is left out, class 3 is never true, class 4 never anywhere.

    Background: 6 hits, 1 taken for 1, 1 for 3; 2 of class 1 taken for it: 6 / 10. Class 1: 7 hits,
    2 missed, the 1 and another of class 2 too many: 7 / 11. Class 2: 8 hits, 1 missed: 8 / 9.
    """
    truth = np.array(
        [
            [[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [255, 255, 255, 255]],
            [[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [255, 255, 1, 2]],
        ],
        np.uint8,
    )
    labels = np.array(
        [
            [[0, 0, 0, 1], [1, 1, 1, 0], [2, 2, 2, 2], [0, 1, 2, 3]],
            [[0, 0, 0, 3], [1, 1, 1, 0], [2, 2, 2, 1], [3, 0, 1, 2]],
        ],
        np.uint8,
    )
    matrix = sum(confusion_matrix(*pair, 5) for pair in zip(truth, labels, strict=True))
    assert matrix.tolist() == [
        [6, 1, 0, 1, 0],
        [2, 7, 0, 0, 0],
        [0, 1, 8, 0, 0],
        [0] * 5,
        [0] * 5,
    ]
    np.testing.assert_allclose(class_iou(matrix), [6 / 10, 7 / 11, 8 / 9, np.nan, np.nan])
    assert mean_iou(matrix) == pytest.approx((6 / 10 + 7 / 11 + 8 / 9) / 3)


@pytest.mark.parametrize("seed", range(5))
def test_intersection_over_union_is_that_of_torchmetrics(seed: int) -> None:
    """On random label maps, with pixels to ignore and classes that are missing here and there."""
    classes, random = 21, np.random.default_rng(seed)
    truth = random.integers(0, 1 + random.integers(3, classes), (4, 60, 70))
    labels = np.where(random.random(truth.shape) < 0.6, truth, random.integers(0, classes, 1))
    truth[random.random(truth.shape) < 0.1] = 255
    labels[truth == 255] = random.integers(0, classes)
    given = torch.from_numpy(labels), torch.from_numpy(truth)
    theirs = MulticlassConfusionMatrix(classes, ignore_index=255)(*given)
    iou = MulticlassJaccardIndex(classes, average="none", ignore_index=255)(*given)
    matrix = sum(confusion_matrix(*pair, classes) for pair in zip(truth, labels, strict=True))
    assert np.array_equal(matrix, theirs.numpy())
    present = np.unique(truth[truth < classes])
    np.testing.assert_allclose(class_iou(matrix)[present], iou.numpy()[present], rtol=1e-6)
    assert mean_iou(matrix) == pytest.approx(float(iou[present].mean()), rel=1e-6)
