"""What the layers show, as plain data."""

import numpy as np
import pytest
from napari.layers import Image, Labels

from weclip_napari.gui.layer_data import (
    affinity_picture,
    heat_colormap,
    label_colormap,
    label_features,
    patch_placement,
    with_class_ids,
)
from weclip_napari.session.class_table import ClassTable, LabelClass


@pytest.fixture
def classes():
    return ClassTable([LabelClass(3, "dog", (255, 0, 0)), LabelClass(1, "cat", (0, 255, 0))])


def test_the_heat_grows_more_opaque_with_the_value():
    alpha = heat_colormap().map(np.linspace(0, 1, 50))[:, 3]
    assert alpha[0] == 0
    assert np.all(np.diff(alpha) > 0)


def test_each_class_has_its_colour_and_unknown_ids_are_seen(classes):
    colormap = label_colormap(classes)
    colors = colormap.map(np.array([0, 1, 3, 77, 255]))
    np.testing.assert_allclose(colors[0], 0)
    np.testing.assert_allclose(colors[1], (0, 1, 0, 1))
    np.testing.assert_allclose(colors[2], (1, 0, 0, 1))
    assert colors[3, 3] == colors[4, 3] == 1


def test_the_status_bar_names_the_class(classes):
    layer = Labels(np.array([[0, 1], [3, 255]], np.uint8), features=label_features(classes))
    names = {"background": (0, 0), "cat": (0, 1), "dog": (1, 0), "ignore": (1, 1)}
    for name, position in names.items():
        assert f"class: {name}" in layer.get_status(position, world=True)["value"]


def test_a_patch_grid_covers_the_image_edge_on_edge():
    layer = Image(np.zeros((6, 4)), **patch_placement((6, 4), (48, 64)))
    low, high = layer.extent.world
    assert low.tolist() == [3.5, 7.5]  # centre of the first patch of 8 x 16 pixels
    assert high.tolist() == [43.5, 55.5]


def test_proposal_numbers_become_label_ids():
    label_map = np.array([[0, 1, 2, 255]], np.uint8)
    assert with_class_ids(label_map, [7, 1]).tolist() == [[0, 7, 1, 255]]


@pytest.mark.parametrize("row", [np.zeros((3, 3)), np.full((3, 3), 0.2), np.arange(9.0)])
def test_an_affinity_picture_lies_between_0_and_1(row):
    picture = affinity_picture(row.reshape(3, 3).astype(np.float32))
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert np.isfinite(picture).all()
