"""The whole work in a real window: open, type, propose, look, correct, undo, go on, come back."""

import json
from pathlib import Path

import numpy as np
import pytest
from napari._qt._qplugins._qnpe2 import _build_widgets_submenu_actions
from npe2 import PluginManifest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QLabel

from weclip_napari.gui.engine import Engine
from weclip_napari.gui.launch import DOCK_NAME, dock_annotator
from weclip_napari.gui.tooltips import KEYS
from weclip_napari.gui.widget import AnnotatorWidget
from weclip_napari.scenes import write_scenes
from weclip_napari.session.masks import read_mask

MANIFEST = Path(__file__).parents[2] / "napari.yaml"
SIDE = 96
TIMEOUT = 60_000


@pytest.fixture(scope="module")
def predictor():
    from weclip_napari.core.checkpoint import load_model
    from weclip_napari.core.predictor import Predictor

    return Predictor(load_model("embedded"))


@pytest.fixture
def scenes(tmp_path):
    write_scenes(tmp_path / "scenes", 3, seed=5, size=SIDE)
    return tmp_path / "scenes"


@pytest.fixture
def window(make_napari_viewer, engine, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 900)
    widget = dock_annotator(viewer, engine)
    qtbot.waitExposed(widget)
    yield Window(viewer, widget, qtbot)
    widget.annotator.jobs.cancel()
    qtbot.waitUntil(lambda: not widget.annotator.jobs.is_busy)


class Window:
    """What a person does at the window."""

    def __init__(self, viewer, widget, qtbot):
        self.viewer, self.widget, self.qtbot = viewer, widget, qtbot
        self.annotator = widget.annotator

    @property
    def mask(self):
        return self.viewer.layers["proposal"].data

    @property
    def canvas(self):
        return self.viewer.window._qt_viewer.canvas.native

    def names(self):
        return [layer.name for layer in self.viewer.layers]

    def click(self, name):
        button = self.widget.findChild(object, name)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def press(self, key, modifier=Qt.KeyboardModifier.NoModifier):
        target = QApplication.focusWidget() or self.viewer.window._qt_window
        self.qtbot.keyClick(target, key, modifier)

    def propose(self, text):
        entry = self.widget.tag_panel.entry
        entry.setFocus()
        entry.clear()
        self.qtbot.keyClicks(entry, text)
        popup = entry.completer().popup()
        target = popup if popup.isVisible() else entry
        with self.qtbot.waitSignal(self.annotator.proposal_shown, timeout=TIMEOUT):
            self.qtbot.keyClick(target, Qt.Key.Key_Return)

    def paint(self, row, column, label):
        """Click with the brush at a pixel of the image."""
        layer = self.viewer.layers["proposal"]
        layer.mode, layer.selected_label, layer.brush_size = "paint", label, 6
        camera = self.viewer.scene.camera
        centre = np.array([self.canvas.height(), self.canvas.width()]) / 2
        y, x = centre + (np.array([row, column]) - camera.center[-2:]) * camera.zoom
        self.qtbot.mouseMove(self.canvas, QPoint(round(x), round(y)))
        self.qtbot.mouseClick(
            self.canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y))
        )


def test_the_journey_of_a_folder(window, scenes):
    window.widget.open_folder(scenes)
    assert window.names() == ["image", "proposal"]

    window.propose("apple, star, zebra")
    assert window.names()[-1] == "proposal"
    assert {"CAM · apple", "refined CAM · star", "affinity"} <= set(window.names())
    assert "zebra" in window.widget.status_panel.message.text()
    first = window.mask.copy()

    window.paint(40, 30, 9)
    assert window.mask[40, 30] == 9
    stroke = window.mask == 9

    window.propose("star")
    assert np.array_equal(window.mask == 9, stroke)

    window.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(window.mask, np.where(stroke, 9, first))
    window.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(window.mask, first)

    window.paint(40, 30, 9)
    drawn = window.mask.copy()
    window.press(Qt.Key.Key_D)
    assert window.annotator.index == 1
    assert not window.mask.any()
    masks = scenes / "images" / "weclip_masks"
    assert np.array_equal(read_mask(masks / "scene_0000.png.png"), drawn)
    sidecar = json.loads((masks / "scene_0000.png.json").read_text())
    assert sidecar["tags"] == ["star"]

    window.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not window.mask.any()

    window.press(Qt.Key.Key_A)
    assert np.array_equal(window.mask, drawn)
    assert not window.annotator.is_dirty
    window.propose("apple")
    assert (window.mask[stroke] == 9).all()


def test_an_unreadable_image_is_told_and_the_others_go_on(window, folder):
    window.widget.open_folder(folder)
    window.click("next")
    assert window.names() == []
    assert "img1.png" in window.widget.status_panel.message.text()
    window.click("propose")
    assert "No image is open" in window.widget.status_panel.message.text()
    window.click("next")
    assert window.names() == ["image", "proposal"]
    assert not window.widget.status_panel.message.isVisible()


def test_a_failed_save_keeps_the_image_open_and_dirty(window, folder):
    window.widget.open_folder(folder)
    (folder / "weclip_masks").write_text("in the way")
    window.paint(20, 20, 1)
    window.click("next")
    assert window.annotator.index == 0
    assert window.annotator.is_dirty
    assert "was not saved" in window.widget.status_panel.message.text()
    (folder / "weclip_masks").unlink()
    window.click("save")
    assert not window.annotator.is_dirty
    assert window.widget.status_panel.saved.text() == "● Saved"


def test_cancel_leaves_the_mask_as_it_was(window, folder, monkeypatch):
    window.widget.open_folder(folder)
    window.qtbot.waitUntil(lambda: not window.annotator.jobs.is_busy, timeout=TIMEOUT)
    window.widget.tag_panel.entry.setText("apple")
    with window.qtbot.assertNotEmitted(window.annotator.proposal_shown, wait=300):
        window.click("propose")
        window.click("cancel")
    assert not window.mask.any()
    assert not window.annotator.jobs.is_busy


def test_a_result_for_an_image_left_behind_is_dropped(window, scenes):
    window.widget.open_folder(scenes)
    window.widget.tag_panel.entry.setText("apple")
    window.click("propose")
    window.click("next")
    window.qtbot.waitUntil(lambda: not window.annotator.jobs.is_busy, timeout=TIMEOUT)
    window.qtbot.wait(200)
    assert window.names() == ["image", "proposal"]
    assert not window.mask.any()


def test_the_affinity_follows_the_cursor(window, scenes):
    window.widget.open_folder(scenes)
    window.propose("apple")
    window.click("view_affinity")
    layer = window.viewer.layers["affinity"]
    assert layer.visible
    window.annotator.probe.show(5, 5)
    before = layer.data.copy()
    window.annotator.probe.show(60, 70)
    assert not np.array_equal(layer.data, before)


def test_closing_the_window_saves(window, folder):
    window.widget.open_folder(folder)
    window.paint(20, 20, 1)
    window.viewer.window._qt_window.hide()
    assert (folder / "weclip_masks" / "img0.png.png").exists()


def test_closing_the_panel_saves_and_takes_its_layers_and_keys_away(window, folder):
    window.widget.open_folder(folder)
    window.paint(20, 20, 1)
    window.viewer.window.remove_dock_widget(window.widget)
    assert (folder / "weclip_masks" / "img0.png.png").exists()
    assert window.names() == []
    window.press(Qt.Key.Key_D)
    assert window.names() == []


def test_closing_the_panel_with_unsaved_work_leaves_its_layers(window, folder):
    window.widget.open_folder(folder)
    (folder / "weclip_masks").write_text("in the way")
    window.paint(20, 20, 1)
    with window.qtbot.captureExceptions():
        window.viewer.window.remove_dock_widget(window.widget)
    assert window.mask[20, 20] == 1


def test_napari_opens_the_annotator_from_its_menu(make_napari_viewer, npe2pm):
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("weclip-napari", "Annotator")
    assert isinstance(widget, AnnotatorWidget)
    assert dock_annotator(viewer) is widget


def test_the_plugins_menu_has_a_submenu_with_the_annotator(make_napari_viewer, npe2pm):
    manifest = PluginManifest.from_file(MANIFEST)
    npe2pm.register(manifest)
    submenus, actions = _build_widgets_submenu_actions(manifest)
    assert [item.title for _, item in submenus] == ["WeCLIP for napari"]
    assert [action.title for action in actions] == [
        "Annotator (WeCLIP for napari)",
        "Keys (WeCLIP for napari)",
    ]
    _, sheet = make_napari_viewer().window.add_plugin_dock_widget("weclip-napari", "Keys")
    (label,) = sheet.findChildren(QLabel)
    assert all(f"<b>{key}</b>" in label.text() for key in (*KEYS.values(), "Ctrl+Z"))


def test_a_window_with_unsaved_work_asks_before_it_closes(window, folder, monkeypatch):
    window.widget.open_folder(folder)
    (folder / "weclip_masks").write_text("in the way")
    window.paint(20, 20, 1)
    asked = []
    monkeypatch.setattr(window.widget, "_may_lose_work", lambda: asked.append(1))
    assert not window.viewer.window._qt_window.close()
    assert asked
    assert window.viewer.window._qt_window.isVisible()
    (folder / "weclip_masks").unlink()


def test_there_is_one_annotator_for_a_window(window):
    assert dock_annotator(window.viewer, Engine()) is window.widget
    assert DOCK_NAME in window.viewer.window.dock_widgets


def test_a_folder_without_images_says_what_to_do(window, tmp_path):
    assert not window.widget.open_folder(tmp_path)
    assert "no images" in window.widget.status_panel.message.text()
