"""The whole work in a real window: open, type, propose, look, correct, undo, go on, come back."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from napari._qt._qplugins._qnpe2 import _build_widgets_submenu_actions
from npe2 import PluginManifest
from PIL import Image
from qtpy.QtCore import QPoint, Qt, QThreadPool
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication, QLabel

from weclip_napari.gui.engine import Engine
from weclip_napari.gui.launch import DOCK_NAME, dock_annotator, open_annotator
from weclip_napari.gui.tooltips import KEYS
from weclip_napari.gui.widget import AnnotatorWidget
from weclip_napari.scenes import write_scenes
from weclip_napari.session.masks import read_mask

MANIFEST = Path(__file__).parents[2] / "napari.yaml"
SIDE = 96
TAGS = ("apple", "star", "zebra")
TIMEOUT = 60_000


@pytest.fixture
def scenes(tmp_path):
    write_scenes(tmp_path / "scenes", 3, seed=5, size=SIDE)
    return tmp_path / "scenes"


@pytest.fixture
def apple_scenes(tmp_path):
    """Scenes as large as the model in the package has seen them, the first of an apple."""
    write_scenes(tmp_path / "scenes", 3, seed=0)
    return tmp_path / "scenes"


@pytest.fixture
def open_window(make_napari_viewer, qtbot):
    opened = []

    def open_window(engine):
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(1200, 900)
        widget = dock_annotator(viewer, engine)
        qtbot.waitExposed(widget)
        widget.annotator.propose_on_open = False
        widget._may_lose_work = lambda: True  # else a dialog would wait for somebody
        opened.append(Window(viewer, widget, qtbot))
        return opened[-1]

    yield open_window
    for window in opened:
        window.annotator.jobs.cancel()


@pytest.fixture
def window(open_window, engine):
    """A window with random weights, which is quick."""
    return open_window(engine)


@pytest.fixture
def trained_window(open_window):
    """A window with the model in the package, which knows the drawn classes."""
    return open_window(Engine())


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

    def open_folder(self, folder):
        with self.qtbot.waitSignal(self.annotator.image_opened, timeout=TIMEOUT):
            assert self.widget.open_folder(folder)

    def go(self, act, *args):
        """Do what opens another image, and wait until it is there."""
        with self.qtbot.waitSignal(self.annotator.image_opened, timeout=TIMEOUT):
            act(*args)

    def settle(self):
        """Wait until nothing is computed, saved or read."""
        self.qtbot.waitUntil(lambda: self.annotator.is_idle, timeout=TIMEOUT)

    def names(self):
        return [layer.name for layer in self.viewer.layers]

    def click(self, name):
        button = self.widget.findChild(object, name)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def press(self, key, modifier=Qt.KeyboardModifier.NoModifier):
        target = QApplication.focusWidget() or self.viewer.window._qt_window
        self.qtbot.keyClick(target, key, modifier)

    def propose(self, text):
        self.widget.tag_panel.set_tags(())
        entry = self.widget.tag_panel.entry
        entry.setFocus()
        self.qtbot.keyClicks(entry, text)
        popup = entry.completer().popup()
        target = popup if popup.isVisible() else entry
        with self.qtbot.waitSignal(self.annotator.proposal_shown, timeout=TIMEOUT):
            self.qtbot.keyClick(target, Qt.Key.Key_Return)
        self.settle()

    def take_brush(self, label):
        layer = self.viewer.layers["proposal"]
        layer.mode, layer.selected_label, layer.brush_size = "paint", label, 6

    def point(self, row, column):
        """Where a pixel of the image lies in the canvas."""
        camera = self.viewer.scene.camera
        centre = np.array([self.canvas.height(), self.canvas.width()]) / 2
        y, x = centre + (np.array([row, column]) - camera.center[-2:]) * camera.zoom
        return QPoint(round(x), round(y))

    def move(self, row, column):
        self.qtbot.mouseMove(self.canvas, self.point(row, column))

    def affinity_at(self, row, column):
        """Move the cursor to a pixel of the image and look at the layer."""
        self.move(row, column)
        self.qtbot.wait(50)
        return self.viewer.layers["affinity"].data.copy()

    def paint(self, row, column, label):
        """Click with the brush at a pixel of the image."""
        self.take_brush(label)
        self.move(row, column)
        self.qtbot.mouseClick(self.canvas, Qt.MouseButton.LeftButton, pos=self.point(row, column))


def _overlap(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


@pytest.mark.parametrize(("branch", "least"), [("cam", 0.6), ("auto", 0.3)])
def test_a_proposal_lies_on_the_object(trained_window, apple_scenes, branch, least):
    window, panel = trained_window, trained_window.widget.tuning_panel
    window.open_folder(apple_scenes)
    panel.branch.setCurrentIndex(panel.branch.findData(branch))
    panel.branch.activated.emit(panel.branch.currentIndex())
    window.propose("apple")
    apple = window.annotator.workspace.store.classes.find("apple").id
    truth = read_mask(apple_scenes / "masks" / "scene_0000.png")
    assert _overlap(window.mask == apple, truth == apple) > least


def test_the_journey_of_a_folder(trained_window, apple_scenes, monkeypatch):
    window, engine, threads = trained_window, trained_window.annotator.engine, []
    propose = engine.propose

    def note_thread(*args):
        threads.append(threading.current_thread())
        return propose(*args)

    monkeypatch.setattr(engine, "propose", note_thread)
    window.open_folder(apple_scenes)
    assert window.names() == ["image", "proposal"]

    window.propose(", ".join(TAGS))
    assert threading.main_thread() not in threads
    assert window.names() == [
        "image",
        "uncertainty",
        "affinity",
        *(f"{kind} · {tag}" for kind in ("CAM", "refined CAM") for tag in TAGS),
        "proposal",
    ]
    assert "zebra" in window.widget.status_panel.message.text()
    first = window.mask.copy()

    window.click("view_affinity")
    maps = [window.affinity_at(40, 40), window.affinity_at(150, 120)]
    assert not np.array_equal(*maps)
    assert np.array_equal(window.affinity_at(40, 40), maps[0])
    window.click("view_mask")

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
    window.go(window.press, Qt.Key.Key_D)
    assert window.annotator.index == 1
    assert not window.mask.any()
    masks = apple_scenes / "images" / "weclip_masks"
    names = {"classes.json", "scene_0000.png.json", "scene_0000.png.png"}
    assert {path.name for path in masks.iterdir()} >= names
    assert np.array_equal(read_mask(masks / "scene_0000.png.png"), drawn)
    sidecar = json.loads((masks / "scene_0000.png.json").read_text())
    assert sidecar["tags"] == ["star"]

    window.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not window.mask.any()

    window.go(window.press, Qt.Key.Key_A)
    assert np.array_equal(window.mask, drawn)
    assert window.widget.tag_panel.tags == ("star",)
    assert not window.annotator.is_dirty
    window.propose("apple")
    assert (window.mask[stroke] == 9).all()


def test_typed_tags_are_saved_without_a_proposal(window, folder):
    window.open_folder(folder)
    assert not window.annotator.is_dirty
    window.qtbot.keyClicks(window.widget.tag_panel.entry, "zebra")
    assert window.widget.status_panel.saved.text() == "● Unsaved changes"
    window.go(window.click, "next")
    window.go(window.click, "previous")
    assert window.widget.tag_panel.tags == ("zebra",)
    assert not window.annotator.is_dirty


def test_a_proposal_waits_for_the_end_of_a_stroke(window, scenes, monkeypatch):
    jobs, asked = window.annotator.jobs, []
    must_wait = jobs._must_wait
    window.open_folder(scenes)
    window.settle()
    monkeypatch.setattr(jobs, "_must_wait", lambda: asked.append(must_wait()) or asked[-1])
    window.take_brush(9)
    window.move(40, 30)
    mouse = (window.canvas, Qt.MouseButton.LeftButton)
    window.qtbot.mousePress(*mouse, pos=window.point(40, 30))
    window.annotator.type_tags(("apple",))
    window.annotator.propose()
    window.qtbot.waitUntil(lambda: True in asked, timeout=TIMEOUT)
    stroke = window.mask == 9
    assert stroke.any()
    assert not window.mask[~stroke].any()
    with window.qtbot.waitSignal(window.annotator.proposal_shown, timeout=TIMEOUT):
        window.qtbot.mouseRelease(*mouse, pos=window.point(40, 30))
    assert window.mask[~stroke].any()
    assert (window.mask[stroke] == 9).all()
    window.annotator.undo()
    assert np.array_equal(window.mask, np.where(stroke, 9, 0))
    window.annotator.undo()
    assert not window.mask.any()


def test_a_file_that_was_replaced_is_encoded_anew(window, folder):
    window.open_folder(folder)
    window.settle()
    stages = []
    window.annotator.jobs.stage.connect(stages.append)
    other = folder.parent / "other.png"
    Image.new("RGB", (64, 48), "red").save(other)
    for content in (folder / "img0.png", other):
        (folder / "img0.png").write_bytes(content.read_bytes())
        window.go(window.annotator.open_image, 0)
        window.settle()
    assert stages == ["Encoding the image"]


def test_a_damaged_list_of_tags_is_told_and_the_images_open(window, folder):
    (folder / "tags.csv").write_bytes(b"image,tags\nimg0.png,\xff\n")
    window.open_folder(folder)
    assert window.names() == ["image", "proposal"]
    assert "tags.csv" in window.widget.status_panel.message.text()


def test_an_unreadable_image_is_told_and_the_others_go_on(window, folder):
    window.open_folder(folder)
    window.go(window.click, "next")
    assert window.names() == []
    assert "img1.png" in window.widget.status_panel.message.text()
    window.click("propose")
    assert "No image is open" in window.widget.status_panel.message.text()
    window.go(window.click, "next")
    assert window.names() == ["image", "proposal"]
    assert not window.widget.status_panel.message.isVisible()


def test_a_failed_save_keeps_the_image_open_and_dirty(window, folder):
    window.open_folder(folder)
    (folder / "weclip_masks" / "img0.png.png").mkdir()
    window.paint(20, 20, 1)
    with window.qtbot.waitSignal(window.annotator.stayed, timeout=TIMEOUT):
        window.click("next")
    assert window.annotator.index == 0
    assert window.annotator.is_dirty
    assert "img0.png.png" in window.widget.status_panel.message.text()
    (folder / "weclip_masks" / "img0.png.png").rmdir()
    window.click("save")
    window.settle()
    assert not window.annotator.is_dirty
    assert window.widget.status_panel.saved.text() == "● Saved"


def test_cancel_leaves_the_mask_as_it_was(window, folder, monkeypatch):
    window.open_folder(folder)
    window.settle()
    window.widget.tag_panel.entry.setText("apple")
    with window.qtbot.assertNotEmitted(window.annotator.proposal_shown, wait=300):
        window.click("propose")
        window.click("cancel")
    assert not window.mask.any()
    assert not window.annotator.jobs.is_busy


def test_a_result_for_an_image_left_behind_is_dropped(window, scenes):
    window.open_folder(scenes)
    window.widget.tag_panel.entry.setText("apple")
    window.click("propose")
    window.go(window.click, "next")
    window.settle()
    window.qtbot.wait(200)
    assert window.names() == ["image", "proposal"]
    assert not window.mask.any()


def test_closing_the_window_saves(window, folder, monkeypatch):
    monkeypatch.setattr(AnnotatorWidget, "hideEvent", lambda widget, event: None)
    window.open_folder(folder)
    window.paint(20, 20, 1)
    qt_window, deletes = window.viewer.window._qt_window, Qt.WidgetAttribute.WA_DeleteOnClose
    qt_window.setAttribute(deletes, False)  # the viewer's fixture closes it once more
    assert qt_window.close()
    qt_window.setAttribute(deletes, True)
    assert not qt_window.isVisible()
    assert read_mask(folder / "weclip_masks" / "img0.png.png")[20, 20] == 1
    assert not (folder / "weclip_masks" / ".lock").exists(), "free for another window"


def test_hiding_the_window_saves(window, folder):
    window.open_folder(folder)
    window.paint(20, 20, 1)
    window.viewer.window._qt_window.hide()
    window.settle()
    assert (folder / "weclip_masks" / "img0.png.png").exists()


def test_closing_the_panel_saves_and_takes_its_layers_and_keys_away(window, folder):
    window.open_folder(folder)
    window.paint(20, 20, 1)
    window.viewer.window.remove_dock_widget(window.widget)
    assert (folder / "weclip_masks" / "img0.png.png").exists()
    assert window.names() == []
    window.press(Qt.Key.Key_D)
    assert window.names() == []


def test_closing_the_panel_with_unsaved_work_leaves_its_layers(window, folder):
    window.open_folder(folder)
    (folder / "weclip_masks" / "img0.png.png").mkdir()
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
    window.open_folder(folder)
    (folder / "weclip_masks" / "img0.png.png").mkdir()
    window.paint(20, 20, 1)
    asked = []
    monkeypatch.setattr(window.widget, "_may_lose_work", lambda: asked.append(1))
    assert not window.viewer.window._qt_window.close()
    assert asked
    assert window.viewer.window._qt_window.isVisible()
    (folder / "weclip_masks" / "img0.png.png").rmdir()


def test_there_is_one_annotator_for_a_window(window):
    assert dock_annotator(window.viewer, Engine()) is window.widget
    assert DOCK_NAME in window.viewer.window.dock_widgets


def test_a_window_of_its_own_shows_the_whole_first_image(
    make_napari_viewer, folder, monkeypatch, qtbot
):
    viewer = make_napari_viewer(show=True)
    monkeypatch.setattr("napari.Viewer", lambda title: viewer)
    monkeypatch.setattr("napari.run", lambda: qtbot.wait(300))
    open_annotator(folder)
    _, _, width, height = viewer.window.geometry()
    assert (width, height) >= (1000, 700)
    (canvas,) = viewer.window._qt_window.findChildren(QOpenGLWidget)
    rows, columns = viewer.layers["image"].data.shape[:2]
    assert columns * viewer.scene.camera.zoom <= canvas.width()
    assert rows * viewer.scene.camera.zoom <= canvas.height()
    jobs = dock_annotator(viewer).annotator.jobs
    qtbot.waitUntil(lambda: not jobs.is_busy, timeout=TIMEOUT)
    assert QThreadPool.globalInstance().waitForDone(TIMEOUT)


def test_a_folder_without_images_says_what_to_do(window, tmp_path):
    with window.qtbot.waitSignal(window.annotator.failed, timeout=TIMEOUT):
        window.widget.open_folder(tmp_path)
    assert "no images" in window.widget.status_panel.message.text()
