"""The mask's layer: proposals, strokes, edits and undo in a real Labels layer."""

import time

import numpy as np
import pytest

from weclip_napari.gui.mask_layer import MaskLayer
from weclip_napari.session.class_table import ClassTable
from weclip_napari.session.provenance import Provenance

SIZE = (20, 30)
LARGE = (3000, 4000)


def _make(size, on_change=lambda: None):
    mask = np.zeros(size, np.uint8)
    classes = ClassTable()
    classes.ensure("dog")
    return MaskLayer(mask, Provenance(mask), classes, on_change)


@pytest.fixture
def changes():
    return []


@pytest.fixture
def layer(changes):
    return _make(SIZE, lambda: changes.append(1))


def _proposal(columns, label=1):
    proposed = np.zeros(SIZE, np.uint8)
    proposed[:, columns] = label
    return proposed


def _paint(layer, position, label):
    layer.layer.brush_size = 3
    layer.layer.paint(position, label)


def _human(layer):
    return layer.provenance.human(layer.mask)


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
    assert _human(layer)[5, 5]
    assert not _human(layer)[15, 20]


def test_a_proposal_that_changes_nothing_is_no_undo_step(layer, changes):
    layer.propose(_proposal(slice(0, 10)))
    layer.propose(_proposal(slice(0, 10)))
    assert len(changes) == 1
    layer.undo()
    assert not layer.mask.any()


def test_proposals_of_a_slider_are_one_step_above_the_stroke_before(layer):
    _paint(layer, (15, 20), 4)
    for width in (5, 12, 8):
        layer.propose(_proposal(slice(0, width)), replace_last=True)
    assert layer.mask[0, :10].tolist() == [1] * 8 + [0] * 2
    layer.undo()
    assert not layer.mask[:, :12].any()
    assert layer.mask[15, 20] == 4
    layer.undo()
    assert not layer.mask.any()
    assert not layer.can_undo
    layer.redo()
    layer.redo()
    assert layer.mask[0, :10].tolist() == [1] * 8 + [0] * 2


def test_a_proposal_replaces_human_pixels_only_to_overrule(layer):
    _paint(layer, (5, 5), 4)
    layer.propose(_proposal(slice(0, 30), 2))
    assert layer.mask[5, 5] == 4
    layer.propose(_proposal(slice(0, 30), 2), overrule=True)
    assert (layer.mask == 2).all()
    layer.undo()
    assert layer.mask[5, 5] == 4
    assert _human(layer)[5, 5]


def test_a_hidden_layer_takes_a_proposal(layer):
    layer.layer.visible = False
    layer.propose(_proposal(slice(0, 10)))
    layer.layer.visible = True
    assert layer.mask[:, :10].all()


def test_polygon_and_fill_are_strokes_too(layer, changes):
    layer.propose(_proposal(slice(0, 10)))
    layer.layer.fill((0, 0), 5)
    layer.layer.paint_polygon([[2, 15], [2, 25], [12, 25], [12, 15]], 6)
    assert len(changes) == 3
    assert _human(layer)[6, 20]
    layer.propose(_proposal(slice(0, 30), 2))
    assert (layer.mask[:, :10] == 5).all()
    assert layer.mask[6, 20] == 6
    layer.undo()
    layer.undo()
    assert layer.mask[6, 20] == 0
    assert (layer.mask[:, :10] == 5).all()


def test_a_drag_is_one_step_of_all_that_it_painted(layer, changes):
    with layer.layer.block_history():  # as napari does from press to release
        for column in range(3, 25):
            _paint(layer, (10, column), 4)
        assert not changes
    assert len(changes) == 1
    assert _human(layer)[10, 3:25].all()
    layer.undo()
    assert not layer.mask.any()
    assert not layer.can_undo


def test_an_edit_is_one_step_and_a_persons(layer):
    layer.propose(_proposal(slice(0, 10)))
    after = layer.mask.copy()
    after[3:6] = 7
    assert layer.edit(after)
    assert not layer.edit(after)
    assert np.array_equal(layer.mask, after)
    assert np.array_equal(_human(layer), layer.mask == 7)
    layer.undo()
    assert np.array_equal(layer.mask, _proposal(slice(0, 10)))
    assert not _human(layer).any()


def test_a_painted_selection_takes_the_place_of_the_last(layer):
    box = slice(2, 6), slice(4, 9)
    layer.paint_selection(np.ones((4, 5), bool), box, 3)
    layer.paint_selection(np.eye(4, 5, dtype=bool), box, 3, replace_last=True)
    assert np.count_nonzero(layer.mask) == 4
    layer.undo()
    assert not layer.mask.any()


def test_what_a_script_changed_counts_as_human_and_can_be_undone(layer):
    layer.propose(_proposal(slice(0, 10)))
    layer.mask[12, 12] = 9
    layer.propose(_proposal(slice(0, 30), 2))
    assert layer.mask[12, 12] == 9
    layer.undo()
    layer.undo()
    assert layer.mask[12, 12] == 0


def test_nothing_is_undone_in_the_middle_of_a_stroke(layer):
    layer.propose(_proposal(slice(0, 10)))

    class Event:
        type = "mouse_press"

    drag = layer._on_drag(layer.layer, Event)
    next(drag)
    assert layer.is_being_drawn
    layer.undo()
    assert layer.mask.any()
    drag.close()
    assert not layer.is_being_drawn
    layer.undo()
    assert not layer.mask.any()


def test_an_outline_under_way_is_a_stroke_and_can_be_dropped(layer, changes):
    outline = layer.layer._overlays["brush_stroke"]
    layer.layer._begin_stroke()  # as a right click does
    outline.active = True
    _paint(layer, (10, 10), 4)
    assert layer.is_being_drawn
    layer.stop()
    assert not layer.mask.any()
    assert not changes


def test_a_mask_of_another_type_stays_8_bit_and_ours(layer):
    mine = layer.mask
    layer.layer.data = np.full(SIZE, 300, np.int32)
    assert layer.layer.data is mine
    assert (mine == 255).all()
    assert _human(layer).all()
    layer.undo()
    assert not mine.any()


def test_a_mask_that_is_only_to_look_at_stays_so(layer):
    layer.is_editable = False
    layer.layer.data = np.ones(SIZE, np.int32)
    assert not layer.layer.editable


def test_a_large_mask_is_drawn_on_and_undone_quickly():
    layer = _make(LARGE)
    layer.layer.brush_size = 100
    layer.propose(np.full(LARGE, 2, np.uint8))
    draw, told = layer.provenance.draw, []
    layer.provenance.draw = lambda *args: _timed(lambda: draw(*args), told)
    for row in range(200, 2800, 300):
        with layer.layer.block_history():
            for column in range(0, 4000, 40):
                layer.layer.paint((row, column), 3, refresh=False)
    assert min(told) < 0.01  # whatever else this computer does
    layer.provenance.draw = draw
    undone = []
    while layer.can_undo:
        _timed(layer.undo, undone)
    assert np.median(undone) < 0.1


def _timed(action, times):
    start = time.perf_counter()
    result = action()
    times.append(time.perf_counter() - start)
    return result


def test_nothing_of_an_image_before_reaches_the_next_one_in_the_same_layer(changes):
    before = _make((40, 60), lambda: changes.append("before"))
    _paint(before, (35, 50), 1)
    before.layer.mode = "polygon"
    before.layer._overlays["polygon"].points = [[1, 1], [1, 9], [9, 9]]
    before.stop()
    kept, mask = before.mask.copy(), np.zeros(SIZE, np.uint8)
    classes = ClassTable()
    classes.ensure("cat")
    after = MaskLayer(
        mask, Provenance(mask), classes, lambda: changes.append("after"), before.layer
    )
    changes.clear()
    after.undo()
    after.layer.undo()  # napari's own
    assert not mask.any()
    _paint(after, (5, 5), 1)
    assert after.layer.data is mask
    assert mask[5, 5] == 1
    assert _human(after)[5, 5]
    assert np.array_equal(before.mask, kept)
    assert changes == ["after"]
    assert list(after.layer.features["class"]) == ["background", "cat", "ignore"]
    assert after.layer._overlays["polygon"].points == []
