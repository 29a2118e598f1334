"""Selections of pixels by their affinity."""

import numpy as np
import pytest
from scipy import ndimage

from weclip_napari.core.affinity_selection import affinity_selection, connected_part


@pytest.mark.parametrize(
    ("size", "grid"), [((50, 70), (5, 7)), ((33, 90), (4, 6)), ((9, 9), (9, 9))]
)
def test_an_affinity_is_bilinear_between_the_patches_centres(size, grid):
    affinity = np.random.default_rng(0).random(grid).astype(np.float32)
    places = [
        np.clip((np.arange(n) + 0.5) * cells / n - 0.5, 0, cells - 1)
        for n, cells in zip(size, grid, strict=True)
    ]
    coordinates = np.meshgrid(*places, indexing="ij")
    expected = ndimage.map_coordinates(affinity, coordinates, order=1, mode="nearest")
    for threshold in (0.2, 0.6, 0.95):
        selection, box = affinity_selection(affinity, size, threshold)
        selected = np.zeros(size, bool)
        selected[box] = selection
        unclear = np.abs(expected - threshold) < 1e-5
        assert np.array_equal(selected | unclear, (expected > threshold) | unclear)


def test_nothing_is_selected_above_the_highest_affinity():
    selection, box = affinity_selection(np.full((3, 3), 0.5, np.float32), (30, 30), 0.5)
    assert not selection.any()
    assert selection.shape == np.zeros((30, 30))[box].shape


def test_only_what_is_connected_with_the_touched_patches_stays():
    affinity = np.array([[0.9, 0.8, 0.1, 0.9], [0.1, 0.1, 0.3, 0.9]], np.float32)
    left = connected_part(affinity, 0.5, [(0, 0)])
    assert left[0].tolist() == pytest.approx([0.9, 0.8, 0.1, 0])
    both = connected_part(affinity, 0.5, [(0, 1), (1, 3)])
    assert np.array_equal(both, affinity)
    assert np.array_equal(connected_part(affinity, 0.2, [(1, 3)]) > 0.2, affinity > 0.2)


def test_a_touched_patch_below_the_threshold_connects_nothing():
    affinity = np.array([[0.1, 0.8]], np.float32)
    assert (connected_part(affinity, 0.5, [(0, 0)]) <= 0.5).all()
