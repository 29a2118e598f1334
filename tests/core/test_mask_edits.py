"""Corrections of a whole mask: what they change and what they leave alone."""

import numpy as np
import pytest
from scipy import ndimage

from weclip_napari.core.mask_edits import (
    fill_holes,
    remove_islands,
    smooth,
    snap_to_superpixels,
    superpixels,
)


def _mask(*rows):
    return np.array([[int(id_) for id_ in row] for row in rows], np.uint8)


def _disc(size, centre, radius, label=1):
    y, x = np.ogrid[: size[0], : size[1]]
    inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2
    return np.where(inside, np.uint8(label), np.uint8(0))


def _random_mask(seed, size=(40, 50)):
    random = np.random.default_rng(seed)
    mask = np.digitize(ndimage.zoom(random.random((5, 6)), (8, 50 / 6)), [0.5, 0.7, 0.9])
    mask = mask.astype(np.uint8)[: size[0], : size[1]]
    mask[random.random(mask.shape) < 0.05] = 255
    mask[random.random(mask.shape) < 0.05] = 2
    return mask


EDITS = {
    "fill": fill_holes,
    "islands": lambda mask, label=None: remove_islands(mask, 6, label),
    "smooth": lambda mask, label=None: smooth(mask, 2, label),
    "snap": lambda mask, label=None: snap_to_superpixels(
        mask, np.arange(mask.size, dtype=np.int32).reshape(mask.shape) // 7, label
    ),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("seed", range(5))
def test_an_edit_of_one_class_changes_only_pixels_that_lose_or_get_it(name, seed):
    mask = _random_mask(seed)
    for label in (1, 2):
        after = EDITS[name](mask.copy(), label)
        changed = mask != after
        assert after.dtype == np.uint8
        assert ((mask[changed] == label) | (after[changed] == label)).all()


@pytest.mark.parametrize("name", EDITS)
def test_edits_leave_the_given_mask_alone_and_bring_no_new_labels(name):
    mask = _random_mask(3)
    before = mask.copy()
    after = EDITS[name](mask)
    assert np.array_equal(mask, before)
    assert not np.array_equal(after, before)
    assert set(np.unique(after)) <= {0, *np.unique(before)}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("label", [None, 1, 9])
def test_an_empty_mask_stays_empty(name, label):
    mask = np.zeros((7, 9), np.uint8)
    assert not EDITS[name](mask, label).any()


def test_holes_are_filled_but_bays_and_other_classes_are_not():
    mask = _mask(
        "0000000000",
        "0111111110",
        "0101201010",
        "0111111010",
        "0111111000",
        "0000000000",
    )
    after = fill_holes(mask, 1)
    assert after[2, 2] == 1  # a hole
    assert after[2, 4] == 2  # another class is none
    assert after[2, 5] == 0  # next to two classes
    assert after[2, 7] == 0  # a bay
    assert np.count_nonzero(after != mask) == 1


def test_a_hole_of_ignore_is_filled_and_one_at_the_border_is_not():
    mask = np.full((5, 5), 3, np.uint8)
    mask[2, 2] = 255
    mask[0, 3] = 0
    after = fill_holes(mask)
    assert after[2, 2] == 3
    assert after[0, 3] == 0


def test_only_the_holes_of_the_chosen_class_are_filled():
    mask = np.zeros((5, 12), np.uint8)
    mask[:, :5], mask[2, 2] = 1, 0
    mask[:, 6:11], mask[2, 8] = 2, 0
    assert fill_holes(mask, 2)[2, [2, 8]].tolist() == [0, 2]
    assert fill_holes(mask)[2, [2, 8]].tolist() == [1, 2]


def test_small_islands_go_and_take_the_label_around_them():
    mask = np.zeros((12, 12), np.uint8)
    mask[1:11, 1:6] = 1
    mask[4, 3] = 2  # inside class 1
    mask[8:11, 8:11] = 2
    mask[1, 10] = 1
    after = remove_islands(mask, 4)
    assert after[4, 3] == 1
    assert after[1, 10] == 0
    assert (after[8:11, 8:11] == 2).all()
    assert np.count_nonzero(after != mask) == 2


def test_the_largest_region_of_a_class_is_no_island():
    mask = np.zeros((9, 9), np.uint8)
    mask[1, 1] = mask[5:7, 5] = 4
    after = remove_islands(mask, 100)
    assert after[1, 1] == 0
    assert (after[5:7, 5] == 4).all()


def test_diagonal_neighbours_are_one_region():
    mask = np.eye(8, dtype=np.uint8)
    mask[0, 7] = 1
    after = remove_islands(mask, 3)
    assert np.array_equal(after, np.eye(8, dtype=np.uint8))


def test_smoothing_takes_off_bumps_and_keeps_the_shape():
    clean = _disc((80, 90), (40, 45), 25)
    rough = clean.copy()
    random = np.random.default_rng(0)
    edge = ndimage.binary_dilation(clean) != ndimage.binary_erosion(clean)
    rough[edge & (random.random(clean.shape) < 0.5)] ^= 1
    after = smooth(rough, 4, 1)
    assert np.count_nonzero(after != clean) < 0.4 * np.count_nonzero(rough != clean)
    assert np.array_equal(smooth(clean, 1), clean) or (smooth(clean, 1) != clean).sum() < 30


def test_smoothing_lets_straight_edges_of_several_classes_be():
    mask = np.zeros((30, 30), np.uint8)
    mask[:, 10:20], mask[:, 20:] = 1, 2
    assert np.array_equal(smooth(mask, 5), mask)


def test_smoothing_one_class_is_what_smoothing_all_does_there():
    mask = _random_mask(1)
    everything = smooth(mask, 3)
    one = smooth(mask, 3, 1)
    involved = (mask == 1) | (everything == 1)
    assert np.array_equal(one[involved], everything[involved])
    assert np.array_equal(one[~involved], mask[~involved])


def test_snapping_gives_each_superpixel_its_majority():
    segments = np.repeat(np.arange(4, dtype=np.int32), 4)[None]
    mask = _mask("1110" + "1000" + "2210" + "0000")
    assert snap_to_superpixels(mask, segments)[0].tolist() == [1] * 4 + [0] * 4 + [2] * 4 + [0] * 4
    one = snap_to_superpixels(mask, segments, 1)
    assert one[0].tolist() == [1] * 4 + [0] * 4 + [2, 2, 2, 0] + [0] * 4


def test_superpixels_follow_edges():
    disc = _disc((90, 120), (45, 60), 30)
    image = np.stack([60 + 120 * disc, 90 * disc, 40 + 0 * disc], axis=-1).astype(np.uint8)
    segments = superpixels(image, 150)
    assert segments.shape == disc.shape
    assert segments.min() == 0
    shaky = np.roll(disc, 3, axis=1)
    after = snap_to_superpixels(shaky, segments, 1)
    assert np.count_nonzero(after != disc) < 0.3 * np.count_nonzero(shaky != disc)


def test_superpixels_of_a_large_or_tiny_image_cover_it():
    random = np.random.default_rng(0)
    large = random.integers(0, 255, (1500, 1300, 3), dtype=np.uint8)
    assert superpixels(large, 50).shape == (1500, 1300)
    assert superpixels(large[:3, :5]).shape == (3, 5)
