"""The tab that corrects: tools, edits of the whole mask, undo, the switch to overrule."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from weclip_napari.gui.tool_panel import ToolPanel

TIMEOUT = 60_000


@pytest.fixture
def panel(annotator, qtbot):
    annotator.workspace.store.ensure_class("dog")
    annotator.workspace.store.ensure_class("cat")
    panel = ToolPanel(annotator)
    qtbot.addWidget(panel)
    panel.show()
    return panel


@pytest.fixture
def click(panel, qtbot):
    def click(name):
        qtbot.mouseClick(panel.findChild(object, name), Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not panel.tools.jobs.is_busy, timeout=TIMEOUT)

    return click


@pytest.fixture
def said(annotator):
    said = []
    annotator.failed.connect(said.append)
    annotator.noted.connect(said.append)
    return said


def _layer(annotator):
    return annotator.layers.mask.layer


def _draw(annotator, box, label):
    after = annotator.layers.mask.mask.copy()
    after[box] = label
    annotator.layers.mask.edit(after)


def _open(annotator, qtbot, row):
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_image(row)
    qtbot.waitUntil(lambda: not annotator.jobs.is_busy, timeout=TIMEOUT)


def test_buttons_take_napari_tools_and_follow_its_keys(panel, annotator, click):
    for mode in ("paint", "erase", "fill", "polygon", "pick", "pan_zoom"):
        click(f"mode_{mode}")
        assert _layer(annotator).mode == mode
    _layer(annotator).mode = "erase"
    checked = [mode for mode, button in panel.modes.items() if button.isChecked()]
    assert checked == ["erase"]


def test_size_and_class_are_napari_own(panel, annotator):
    panel.brush_slider.setValue(33)
    assert _layer(annotator).brush_size == 33
    _layer(annotator).brush_size = 250
    assert panel.brush_size.value() == 250
    panel.label.setCurrentIndex(panel.label.findText("cat"))
    panel.label.activated.emit(panel.label.currentIndex())
    assert _layer(annotator).selected_label == 2
    _layer(annotator).selected_label = 255
    assert panel.label.currentText().startswith("ignore")


def test_the_next_image_is_drawn_on_like_the_one_before(panel, annotator, qtbot, click):
    click("mode_paint")
    panel.brush_size.setValue(17)
    _layer(annotator).selected_label = 2
    _open(annotator, qtbot, 2)
    assert _layer(annotator).mode == "paint"
    assert _layer(annotator).brush_size == 17
    assert _layer(annotator).selected_label == 2
    assert panel.modes["paint"].isChecked()


def test_the_tools_come_back_after_an_image_that_cannot_be_read(panel, annotator, qtbot, click):
    click("mode_erase")
    panel.brush_size.setValue(17)
    _open(annotator, qtbot, 1)
    _open(annotator, qtbot, 2)
    assert _layer(annotator).mode == "erase"
    assert _layer(annotator).brush_size == 17


def test_an_image_that_cannot_be_read_leaves_nothing_to_draw_on(panel, annotator, qtbot, click):
    _open(annotator, qtbot, 1)
    said = []
    annotator.failed.connect(said.append)
    click("fill_holes")
    click("mode_paint")
    assert said == ["No image is open. Open a folder first."] * 2
    assert not panel.modes["paint"].isChecked()
    assert not panel.undo.isEnabled()


def test_an_edit_is_one_undo_step_of_human_pixels(panel, annotator, click):
    _draw(annotator, np.s_[10:30, 10:30], 1)
    _draw(annotator, np.s_[15:20, 15:20], 0)
    _layer(annotator).selected_label = 1
    mask = annotator.layers.mask
    click("fill_holes")
    assert (mask.mask[10:30, 10:30] == 1).all()
    assert mask.provenance.human(mask.mask)[16, 16]
    assert annotator.is_dirty
    click("undo")
    assert mask.mask[16, 16] == 0
    click("redo")
    assert mask.mask[16, 16] == 1
    assert not panel.redo.isEnabled()


def test_edits_take_the_numbers_of_the_panel(panel, annotator, click, said):
    _draw(annotator, np.s_[5:25, 5:25], 1)
    _draw(annotator, np.s_[40:44, 40:44], 1)
    _layer(annotator).selected_label = 1
    panel.min_area.setValue(10)
    click("remove_islands")
    assert "fewer than 10" in said[-1]
    panel.min_area.setValue(20)
    click("remove_islands")
    mask = annotator.layers.mask.mask
    assert not mask[40:44, 40:44].any()
    panel.radius.setValue(6)
    click("smooth")
    assert mask[5, 5] == 0
    assert mask[15, 15] == 1


def test_edits_change_the_painted_class_or_all(panel, annotator, click):
    for column, label in ((5, 1), (35, 2)):
        _draw(annotator, np.s_[10:30, column : column + 20], label)
        _draw(annotator, np.s_[20, column + 10], 0)
    mask = annotator.layers.mask.mask
    _layer(annotator).selected_label = 2
    click("fill_holes")
    assert (mask[20, 15], mask[20, 45]) == (0, 2)
    panel.scope.setCurrentIndex(1)
    panel.scope.activated.emit(1)
    click("fill_holes")
    assert (mask[20, 15], mask[20, 45]) == (1, 2)


def test_snapping_keeps_superpixels_whole(panel, annotator, click):
    _draw(annotator, np.s_[8:31, 9:37], 1)
    _layer(annotator).selected_label = 1
    click("snap")
    segments = panel.tools.superpixels.of(annotator.current)
    mask = annotator.layers.mask.mask
    for segment in np.unique(segments):
        assert len(np.unique(mask[segments == segment])) == 1
    assert panel.tools.superpixels.of(annotator.current) is segments


def test_a_stroke_drawn_during_an_edit_is_edited_too(panel, annotator, qtbot):
    _draw(annotator, np.s_[5:20, 5:20], 1)
    _draw(annotator, np.s_[10, 10], 0)
    _layer(annotator).selected_label = 1
    panel.fill_holes()
    _draw(annotator, np.s_[25:40, 5:20], 1)
    _draw(annotator, np.s_[30, 10], 0)
    mask = annotator.layers.mask.mask
    qtbot.waitUntil(lambda: mask[10, 10] == 1 and mask[30, 10] == 1, timeout=TIMEOUT)


def test_an_edit_never_reaches_another_image(panel, annotator, qtbot):
    _draw(annotator, np.s_[5:20, 5:20], 1)
    _draw(annotator, np.s_[10, 10], 0)
    _layer(annotator).selected_label = 1
    panel.fill_holes()
    _open(annotator, qtbot, 2)
    qtbot.waitUntil(lambda: not panel.tools.jobs.is_busy, timeout=TIMEOUT)
    assert not annotator.layers.mask.mask.any()
    assert not annotator.layers.mask.can_undo


def test_a_read_only_folder_refuses_with_the_reason(
    panel, annotator, folder, qtbot, click, said, monkeypatch
):
    _draw(annotator, np.s_[5:20, 5:20], 1)
    monkeypatch.setattr(annotator.workspace, "read_only", "Another window has this folder.")
    _open(annotator, qtbot, 2)
    for name in ("fill_holes", "snap", "mode_paint", "affinity_brush"):
        said.clear()
        click(name)
        assert said == ["Another window has this folder."], name
    assert not panel.affinity_brush.isChecked()
    assert _layer(annotator).mode == "pan_zoom"


def test_proposals_overrule_human_pixels_only_while_the_switch_is_on(
    panel, annotator, propose, qtbot
):
    _draw(annotator, np.s_[:, :], 250)
    propose("dog")
    mask = annotator.layers.mask.mask
    assert (mask == 250).all()
    assert not panel.overrule.isChecked()
    panel.toggle_overrule()
    propose("dog")
    assert not (mask == 250).all()
    annotator.undo()
    assert (mask == 250).all()
    _open(annotator, qtbot, 2)
    assert not panel.overrule.isChecked()
    assert not annotator.overrule


def test_the_panel_lists_new_classes(panel, annotator, propose):
    propose("zebra")
    assert panel.label.findText("zebra") >= 0
    assert panel.label.currentText() == "zebra"
