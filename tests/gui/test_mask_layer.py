"""The mask's layer: proposals, strokes and undo in a real Labels layer."""

import numpy as np
import pytest

from weclip_napari.gui.mask_layer import MaskLayer
from weclip_napari.session.class_table import ClassTable
from weclip_napari.session.provenance import Provenance

SIZE = (20, 30)


@pytest.fixture
def changes():
    return []


@pytest.fixture
def layer(changes):
    mask = np.zeros(SIZE, np.uint8)
    classes = ClassTable()
    classes.ensure("dog")
    return MaskLayer(mask, Provenance(mask), classes, lambda: changes.append(1))


def _proposal(columns, label=1):
    proposed = np.zeros(SIZE, np.uint8)
    proposed[:, columns] = label
    return proposed


def _paint(layer, position, label):
    layer.layer.brush_size = 3
    layer.layer.paint(position, label)


def test_one_undo_takes_a_proposal_back(layer, changes):
    layer.propose(_proposal(slice(0, 10)))
    assert layer.mask[:, :10].all()
    layer.undo()
    assert not layer.mask.any()
    layer.redo()
    assert layer.mask[:, :10].all()
    assert len(changes) == 3


def test_a_new_proposal_keeps_strokes_and_undo_returns_to_them(layer):
    layer.propose(_proposal(slice(0, 10)))
    _paint(layer, (5, 5), 0)
    _paint(layer, (15, 20), 4)
    layer.propose(_proposal(slice(0, 30), 2))
    assert layer.mask[5, 5] == 0
    assert layer.mask[15, 20] == 4
    assert layer.mask[0, 0] == 2
    layer.undo()
    assert layer.mask[0, 0] == 1
    layer.undo()
    assert layer.mask[15, 20] == 0
    human = layer.provenance.human(layer.mask)
    assert human[5, 5]
    assert not human[15, 20]


def test_a_proposal_that_changes_nothing_is_no_undo_step(layer):
    layer.propose(_proposal(slice(0, 10)))
    layer.propose(_proposal(slice(0, 10)))
    layer.undo()
    assert not layer.mask.any()


def test_a_hidden_layer_takes_a_proposal(layer):
    layer.layer.visible = False
    layer.propose(_proposal(slice(0, 10)))
    layer.layer.visible = True
    assert layer.mask[:, :10].all()


def test_polygon_and_fill_are_strokes_too(layer):
    layer.propose(_proposal(slice(0, 10)))
    layer.layer.fill((0, 0), 5)
    layer.layer.paint_polygon([[2, 15], [2, 25], [12, 25], [12, 15]], 6)
    layer.propose(_proposal(slice(0, 30), 2))
    assert (layer.mask[:, :10] == 5).all()
    assert layer.mask[6, 20] == 6


def test_a_mask_of_another_type_stays_8_bit(layer):
    layer.layer.data = np.full(SIZE, 300, np.int32)
    assert layer.mask.dtype == np.uint8
    assert (layer.mask == 255).all()
