"""Numbers about how well features tell classes apart, on features made by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from weclip_training.reproduce.separation import (
    PER_CLASS,
    PER_IMAGE,
    Patches,
    halves,
    joined,
    patches_of,
    probe_accuracy,
    pure_cells,
    require_sklearn,
    silhouette,
    tsne,
)

from weclip_napari.errors import UserError

BACKBONE = SimpleNamespace(patch=4, long_side=20)


def clusters(per_image=10, images=12, classes=3, distance=6.0, seed=0):
    """Patches of several images, every class around a place of its own in eight channels."""
    generator = np.random.default_rng(seed)
    labels = np.tile(np.arange(classes) + 1, images * per_image)[: images * per_image]
    features = generator.normal(size=(len(labels), 8)) + distance * np.eye(8)[labels]
    numbers = np.repeat(np.arange(images), per_image)
    return Patches(features.astype(np.float32), labels, numbers)


def test_separate_classes_are_told_apart_and_mixed_ones_are_not():
    apart = clusters()
    mixed = Patches(
        apart.features, np.random.default_rng(1).permutation(apart.labels), apart.images
    )
    assert probe_accuracy(apart, 0) == 1
    assert probe_accuracy(mixed, 0) < 0.55  # chance is a third
    assert silhouette(apart) > 0.4
    assert abs(silhouette(mixed)) < 0.1


def test_the_silhouette_is_that_computed_by_hand():
    """Opposite directions are at distance 1 - cos 180° = 2, equal ones at 0."""
    features = np.array([[1, 1], [1, 1], [-1, -1], [-1, -1]], np.float32)
    patches = Patches(features, np.array([1, 1, 2, 2]), np.array([0, 1, 0, 1]))
    assert silhouette(patches) == pytest.approx(1)
    crossed = Patches(features, np.array([1, 2, 1, 2]), np.array([0, 1, 0, 1]))
    # the own class is at distance 2, the other one at (0 + 2) / 2: (1 - 2) / 2
    assert silhouette(crossed) == pytest.approx(-0.5)


def test_no_image_is_in_both_halves():
    patches = clusters(images=7)
    learned, asked = halves(patches, 3)
    assert set(learned.images).isdisjoint(asked.images)
    assert {len(set(learned.images)), len(set(asked.images))} == {3, 4}
    assert len(learned.labels) + len(asked.labels) == len(patches.labels)
    assert set(halves(patches, 4)[0].images) != set(learned.images)


def test_a_class_that_was_never_learned_is_not_asked_for():
    patches = clusters(classes=2)
    rare = np.where(patches.images == halves(patches, 0)[1].images[0], 3, patches.labels)
    assert probe_accuracy(Patches(patches.features, rare, patches.images), 0) == 1


def test_a_probe_of_too_little_is_refused():
    patches = clusters(images=2, classes=2)
    with pytest.raises(UserError, match="Too few images"):
        probe_accuracy(Patches(patches.features, patches.images + 1, patches.images), 0)


def test_a_patch_counts_where_nearly_all_of_it_shows_one_class():
    truth = np.zeros((12, 20), np.uint8)  # 3 x 5 patches of 4 x 4 pixels
    truth[:4, :4] = 1
    truth[:4, 4:8] = 2
    truth[0, 4] = 255  # 15 of 16 pixels are left
    truth[:4, 8:12] = 2
    truth[:2, 8:12] = 1  # half and half
    truth[4:8] = 255
    truth[8:, 16:] = 9  # no class
    cells = pure_cells(truth, BACKBONE, n_classes=3)
    assert cells.tolist() == [[1, 2, 0, 0, 0], [0] * 5, [0] * 5]


def test_images_of_other_sizes_are_seen_as_the_backbone_sees_them():
    truth = np.zeros((63, 41), np.uint8)
    truth[:, :20] = 1
    cells = pure_cells(truth, BACKBONE, n_classes=1)
    assert cells.shape == (5, 3)  # 20 x 13 pixels, of which one column belongs to no patch
    assert (cells == [1, 0, 0]).all()


class Numbering:
    """A backbone that says of every patch its number."""

    patch = 4

    def __init__(self, side):
        self.long_side = 4 * side
        self.side = side

    def __call__(self, image):
        assert image.shape == (self.long_side, self.long_side, 3)
        return np.arange(self.side**2, dtype=np.float32).reshape(self.side, self.side, 1)


def test_patches_bring_their_own_features():
    truth = np.ones((20, 20), np.uint8)
    truth[:, 12:] = 2
    truth[:4] = 255
    image = np.zeros((20, 20, 3), np.uint8)
    patches = patches_of(Numbering(5), image, truth, 2, number=7, seed=1)
    assert patches.features[:, 0].tolist() == list(range(5, 25))
    assert (patches.labels == np.tile([1, 1, 1, 2, 2], 4)).all()
    assert (patches.images == 7).all()


def test_no_image_and_no_class_gives_too_many_patches():
    truth, image = np.ones((40, 40), np.uint8), np.zeros((40, 40, 3), np.uint8)
    parts = [patches_of(Numbering(10), image, truth, 2, number=i, seed=1) for i in range(6)]
    assert [len(part.labels) for part in parts] == [PER_IMAGE] * 6
    few = Patches(np.zeros((3, 1), np.float32), np.full(3, 2), np.full(3, 9))
    whole = joined([*parts, few], seed=1)
    assert np.bincount(whole.labels).tolist() == [0, PER_CLASS, 3]
    assert len(set(whole.images)) == 7


def test_one_class_is_too_few():
    alone = Patches(np.zeros((4, 2), np.float32), np.ones(4, int), np.arange(4))
    single = Patches(np.zeros((2, 2), np.float32), np.array([1, 2]), np.arange(2))
    for parts in ([alone], [single], []):
        with pytest.raises(UserError, match="No two classes"):
            joined(parts, seed=1)


def test_a_layout_in_the_plane_is_the_same_for_the_same_seed():
    patches = clusters(images=6)
    layout = tsne(patches, 5)
    assert layout.shape == (60, 2)
    np.testing.assert_array_equal(layout, tsne(patches, 5))
    centres = np.stack([layout[patches.labels == label].mean(axis=0) for label in (1, 2, 3)])
    nearest = np.linalg.norm(layout[:, None] - centres, axis=2).argmin(axis=1) + 1
    assert (nearest == patches.labels).mean() > 0.95


def test_without_scikit_learn_the_remedy_is_told(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install weclip-napari\[reproduce\]"):
        require_sklearn()
