"""The affinity brush: what a click or a scribble paints, and what the slider makes of it."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)

from weclip_napari.errors import UserError
from weclip_napari.gui.tool_panel import ToolPanel

TIMEOUT = 60_000
GRID = (3, 4)  # patches of 16 pixels in images of 48 x 64


@pytest.fixture
def rows(annotator, monkeypatch):
    """What the model says of each patch: it belongs with the patches to its right, less and less.

    The last patch of each row also belongs with the first of the row above.
    """
    rows = SimpleNamespace(asked=[], is_ready=True)

    def affinity(key, y, x, kind):
        assert key == annotator.current.digest
        rows.asked.append((y, x, kind))
        if not rows.is_ready:
            return None
        row = np.zeros(GRID, np.float32)
        patch = y // 16, x // 16
        for step, value in enumerate((1.0, 0.8, 0.6, 0.4)[: GRID[1] - patch[1]]):
            row[patch[0], patch[1] + step] = value
        row[patch[0] - 2, 0] = 0.9
        return row

    monkeypatch.setattr(annotator.engine, "affinity", affinity)
    return rows


@pytest.fixture
def panel(annotator, rows, qtbot):
    panel = ToolPanel(annotator)
    qtbot.addWidget(panel)
    panel.brush.set_threshold(0.5)
    annotator.layers.mask.layer.selected_label = 3
    panel.brush.switch(True)
    return panel


@pytest.fixture
def mouse(annotator, panel):
    """A mouse on the layer that gets napari's events, as if they came from the canvas."""
    return Mouse(annotator)


class Mouse:
    def __init__(self, annotator):
        self._annotator = annotator

    def _event(self, kind, y, x, button, is_dragging):
        event = SimpleNamespace(
            type=kind,
            position=(y, x),
            button=button,
            is_dragging=is_dragging,
            modifiers=(),
            handled=False,
        )
        return ReadOnlyWrapper(event, exceptions=("handled",))

    def press(self, y, x, button=1):
        event = self._event("mouse_press", y, x, button, False)
        mouse_press_callbacks(self._annotator.layers.mask.layer, event)

    def move(self, y, x, is_dragging=False):
        event = self._event("mouse_move", y, x, None, is_dragging)
        mouse_move_callbacks(self._annotator.layers.mask.layer, event)

    def release(self, y, x):
        event = self._event("mouse_release", y, x, 1, True)
        mouse_release_callbacks(self._annotator.layers.mask.layer, event)

    def scribble(self, *points, button=1):
        self.press(*points[0], button=button)
        for point in points[1:]:
            self.move(*point, is_dragging=True)
        self.release(*points[-1])


def _patches(annotator, label=3):
    """Tell which patches have the label at their centre."""
    mask = annotator.layers.mask.mask
    return [tuple(patch) for patch in np.argwhere(mask[8::16, 8::16] == label).tolist()]


def test_a_click_paints_what_belongs_with_the_patch(annotator, panel, mouse):
    mouse.scribble((40, 24))
    assert _patches(annotator) == [(2, 1), (2, 2), (2, 3)]
    mask = annotator.layers.mask
    assert mask.provenance.human(mask.mask)[mask.mask == 3].all()
    assert set(np.unique(mask.mask)) == {0, 3}
    annotator.undo()
    assert not mask.mask.any()
    assert not mask.can_undo


def test_the_selection_may_reach_what_is_not_connected(annotator, panel, mouse):
    panel.connected.setChecked(False)
    mouse.scribble((40, 24))
    assert _patches(annotator) == [(0, 0), (2, 1), (2, 2), (2, 3)]
    panel.connected.setChecked(True)
    assert _patches(annotator) == [(2, 1), (2, 2), (2, 3)]


def test_a_scribble_takes_the_highest_affinity_of_its_patches(annotator, panel, mouse, rows):
    panel.brush.set_threshold(0.7)
    mouse.scribble((40, 8), (39, 9), (39, 60))
    assert _patches(annotator) == [(2, 0), (2, 1), (2, 2), (2, 3)]
    assert sorted({(y // 16, x // 16) for y, x, _ in rows.asked}) == [(2, x) for x in range(4)]
    annotator.undo()
    assert not annotator.layers.mask.can_undo


def test_the_slider_does_the_last_selection_again_as_the_same_step(annotator, panel, mouse):
    annotator.layers.mask.edit(np.full_like(annotator.layers.mask.mask, 1))
    mouse.scribble((40, 24))
    panel.brush.set_threshold(0.9)
    assert _patches(annotator) == [(2, 1)]
    panel.brush.set_threshold(1.0)
    assert _patches(annotator) == []
    panel.brush.set_threshold(0.7)
    assert _patches(annotator) == [(2, 1), (2, 2)]
    annotator.undo()
    assert (annotator.layers.mask.mask == 1).all()


def test_the_slider_keeps_the_class_of_the_selection(annotator, panel, mouse):
    mouse.scribble((40, 24))
    annotator.layers.mask.layer.selected_label = 5
    panel.brush.set_threshold(0.9)
    assert _patches(annotator, 3) == [(2, 1)]
    assert _patches(annotator, 5) == []


def test_the_slider_leaves_a_selection_alone_once_something_else_was_done(annotator, panel, mouse):
    mouse.scribble((40, 24))
    annotator.layers.mask.layer.paint((2, 2), 4)
    before = annotator.layers.mask.mask.copy()
    panel.brush.set_threshold(0.9)
    assert np.array_equal(annotator.layers.mask.mask, before)
    annotator.undo()
    annotator.undo()
    panel.brush.set_threshold(0.5)
    assert not annotator.layers.mask.mask.any()


def test_the_preview_follows_the_mouse_and_goes_at_release(annotator, panel, mouse):
    preview = panel.brush.preview.layer
    assert annotator.viewport.holds(preview)
    mouse.move(40, 24)
    assert preview.visible
    assert preview.data.shape == GRID
    mouse.move(400, 24)
    assert not preview.visible
    mouse.press(40, 24)
    first = preview.data.copy()
    mouse.move(8, 8, is_dragging=True)
    assert (preview.data >= first).all()
    assert preview.data[0, 0] > first[0, 0]
    assert not annotator.layers.mask.mask.any()
    mouse.release(8, 8)
    assert not preview.visible


def test_other_buttons_and_places_outside_paint_nothing(annotator, panel, mouse):
    mouse.scribble((40, 24), button=2)
    mouse.scribble((400, 24))
    assert not annotator.layers.mask.mask.any()


def test_a_model_at_work_is_not_waited_for(annotator, panel, mouse, rows):
    said = []
    annotator.noted.connect(said.append)
    rows.is_ready = False
    mouse.scribble((40, 24))
    assert "at work" in said[-1]
    assert not annotator.layers.mask.mask.any()


def test_an_affinity_that_does_not_exist_is_explained(annotator, panel, mouse, monkeypatch):
    def affinity(*args):
        raise UserError("The model has no decoder.")

    monkeypatch.setattr(annotator.engine, "affinity", affinity)
    said = []
    annotator.failed.connect(said.append)
    annotator.noted.connect(said.append)
    mouse.move(40, 24)
    assert not said
    mouse.scribble((40, 24), (40, 40))
    assert said == ["The model has no decoder."]


def test_the_kind_of_affinity_can_be_chosen(annotator, panel, mouse, rows):
    panel.kind.setCurrentIndex(panel.kind.findData("learned"))
    panel.kind.activated.emit(panel.kind.currentIndex())
    mouse.scribble((40, 24))
    assert {kind for *_, kind in rows.asked} == {"learned"}


def test_it_takes_the_place_of_napari_tools_and_gives_way_to_them(annotator, panel):
    layer = annotator.layers.mask.layer
    assert panel.affinity_brush.isChecked()
    assert not layer.mouse_pan
    layer.mode = "paint"
    assert not panel.brush.is_on
    assert not panel.affinity_brush.isChecked()
    assert panel.modes["paint"].isChecked()
    panel.toggle_affinity_brush()
    assert layer.mode == "pan_zoom"
    panel.toggle_affinity_brush()
    assert layer.mouse_pan
    assert not panel.brush.preview.layer.visible


def test_it_stays_in_use_on_the_next_image(annotator, panel, mouse, qtbot):
    mouse.scribble((40, 24))
    first = annotator.layers.mask
    before = first.mask.copy()
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_image(2)
    assert panel.brush.is_on
    assert not annotator.layers.mask.layer.mouse_pan
    panel.brush.set_threshold(0.9)  # the selection was another image's
    assert np.array_equal(first.mask, before)
    assert not annotator.layers.mask.mask.any()
    annotator.layers.mask.layer.selected_label = 6
    mouse.scribble((40, 40))
    assert _patches(annotator, 6) == [(2, 2)]


def test_nothing_is_painted_where_nothing_can_be_kept(annotator, panel, mouse, monkeypatch):
    said = []
    annotator.failed.connect(said.append)
    monkeypatch.setattr(annotator.workspace, "read_only", "Another window has this folder.")
    mouse.scribble((40, 24))
    assert said == ["Another window has this folder."]
    assert not annotator.layers.mask.mask.any()
