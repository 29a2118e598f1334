"""The annotator's layers, in a viewer without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from weclip_napari.gui.layers import LayerStack
from weclip_napari.gui.mask_layer import MaskLayer
from weclip_napari.gui.viewport import Viewport
from weclip_napari.session.class_table import ClassTable
from weclip_napari.session.provenance import Provenance

SIZE = (48, 64)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def stack(viewer):
    stack = LayerStack(Viewport(viewer))
    _open(stack)
    return stack


@pytest.fixture
def propose(stack, predictor):
    def propose(*tags):
        predictor.set_image(np.zeros((*SIZE, 3), np.uint8))
        stack.show_proposal(predictor.propose(tags))

    return propose


def _open(stack, size=SIZE):
    mask = np.zeros(size, np.uint8)
    layer = MaskLayer(mask, Provenance(mask), ClassTable(), lambda: None)
    stack.show_image(np.zeros((*size, 3), np.uint8), layer)


def _names(viewer):
    return [layer.name for layer in viewer.layers]


def _shown(viewer):
    return {layer.name for layer in viewer.layers if layer.visible}


def test_layers_lie_in_a_sensible_order_and_only_the_mask_is_shown(viewer, propose):
    propose("apple", "star")
    assert _names(viewer) == [
        "image",
        "uncertainty",
        "affinity",
        "CAM · apple",
        "CAM · star",
        "refined CAM · apple",
        "refined CAM · star",
        "proposal",
    ]
    assert _shown(viewer) == {"image", "proposal"}
    assert viewer.layers.selection.active is viewer.layers["proposal"]


def test_maps_of_dropped_tags_go_and_those_of_kept_tags_stay(viewer, propose):
    propose("apple", "star")
    viewer.layers["CAM · star"].gamma = 0.5
    propose("star", "fish")
    assert "CAM · apple" not in _names(viewer)
    assert viewer.layers["CAM · star"].gamma == 0.5
    assert "refined CAM · fish" in _names(viewer)


def test_a_map_covers_the_image(viewer, propose):
    propose("apple")
    extent = viewer.layers["CAM · apple"].extent.world
    np.testing.assert_allclose(extent, [[3.5, 3.5], [43.5, 59.5]])


def test_a_view_shows_the_chosen_tag(viewer, stack, propose):
    propose("apple", "star")
    stack.tag = "star"
    stack.show_view("cam")
    assert _shown(viewer) == {"image", "CAM · star"}
    stack.show_view("all")
    assert viewer.canvas.grid.enabled
    assert _shown(viewer) == {"image", "proposal", "CAM · star", "refined CAM · star"}
    stack.show_view("mask")
    assert not viewer.canvas.grid.enabled


def test_the_users_choice_is_remembered_for_the_next_image(viewer, stack, propose):
    propose("apple", "star")
    viewer.layers["CAM · apple"].visible = True  # the eye in the layer list
    viewer.layers["proposal"].visible = False
    _open(stack, (20, 30))
    assert _shown(viewer) == {"image", "CAM · apple"}
    propose("fish")
    assert _shown(viewer) == {"image", "CAM · fish"}


def test_a_kept_tag_is_shown_when_it_becomes_the_chosen_one(viewer, stack, propose):
    propose("apple", "star")
    stack.show_view("cam")
    propose("star", "fish")
    assert _shown(viewer) == {"image", "CAM · star"}


def test_the_maps_are_blank_until_there_is_a_proposal_for_the_new_image(viewer, stack, propose):
    propose("apple")
    kept = viewer.layers["CAM · apple"]
    _open(stack, (20, 30))
    assert not viewer.layers["CAM · apple"].data.any()
    propose("star")
    assert viewer.layers["CAM · star"] is kept
    assert kept.data.shape == (6, 8)


def test_each_image_has_a_mask_layer_of_its_own(viewer, stack):
    before = viewer.layers["proposal"]
    _open(stack, (20, 30))
    assert viewer.layers["proposal"] is not before
    assert _names(viewer) == ["image", "proposal"]


def test_layers_of_others_stay_and_a_removed_mask_comes_back(viewer, stack, propose):
    viewer.add_points(name="mine")
    viewer.layers.remove("proposal")
    propose("apple")
    assert _names(viewer)[-1] == "proposal"
    stack.clear()
    assert _names(viewer) == ["mine"]


def test_the_affinity_follows_only_when_it_is_shown(viewer, stack, propose):
    assert not stack.follows_cursor
    propose("apple")
    assert not stack.follows_cursor
    stack.show_view("affinity")
    assert stack.follows_cursor
    stack.show_affinity(np.eye(6, 8, dtype=np.float32))
    assert viewer.layers["affinity"].data.max() == 1
    viewer.layers.remove("affinity")
    assert not stack.follows_cursor


def test_a_proposal_survives_that_the_picture_was_deleted(viewer, stack, propose):
    viewer.layers.remove("image")
    propose("apple")
    assert _names(viewer) == [
        "uncertainty",
        "affinity",
        "CAM · apple",
        "refined CAM · apple",
        "proposal",
    ]
    _open(stack)
    assert _names(viewer)[0] == "image"


def test_new_layers_come_one_by_one_below_the_mask(viewer, predictor):
    later = []
    stack = LayerStack(Viewport(viewer), later.append)
    _open(stack)
    predictor.set_image(np.zeros((*SIZE, 3), np.uint8))
    stack.show_proposal(predictor.propose(("apple",)))
    counts = [len(viewer.layers)]
    while later:
        later.pop()()
        counts.append(len(viewer.layers))
        assert viewer.layers[-1].name == "proposal"
        assert viewer.layers.selection.active is viewer.layers["proposal"]
    assert counts == [2, 3, 4, 5, 6, 6]
    assert stack.is_complete


def test_layers_of_an_image_left_behind_do_not_come_any_more(viewer, predictor):
    later = []
    stack = LayerStack(Viewport(viewer), later.append)
    _open(stack)
    predictor.set_image(np.zeros((*SIZE, 3), np.uint8))
    stack.show_proposal(predictor.propose(("apple",)))
    _open(stack, (20, 30))
    later.pop()()
    assert not later
    assert stack.is_complete
    assert _names(viewer) == ["image", "proposal"]
