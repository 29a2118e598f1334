"""Someone at a real window: keys, mouse, and the patience to wait for what they caused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qtpy.QtCore import QPoint, Qt

from weclip_napari.gui.engine import Engine
from weclip_napari.gui.launch import WINDOW, dock_annotator

TIMEOUT = 60_000
LEFT = Qt.MouseButton.LeftButton
PLAIN, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


class Person:
    """Works in a window with the model in the package."""

    def __init__(self, viewer, qtbot, memory_mib=256):
        self.viewer, self.qtbot = viewer, qtbot
        viewer.window.resize(*WINDOW)
        self.widget = dock_annotator(viewer, Engine(memory_mib=memory_mib))
        self.widget._may_lose_work = lambda: True  # else a dialog would wait for somebody
        self.annotator = self.widget.annotator
        self.failures = []
        self.annotator.failed.connect(self.failures.append)
        qtbot.waitExposed(self.widget)

    @property
    def canvas(self):
        return self.viewer.window._qt_viewer.canvas.native

    @property
    def mask(self):
        return self.viewer.layers["proposal"].data

    @property
    def state(self):
        return str(self.annotator.state)

    def shown(self):
        return [layer.name for layer in self.viewer.layers if layer.visible]

    def settle(self):
        self.qtbot.waitUntil(lambda: self.annotator.is_idle, timeout=TIMEOUT)

    def open_folder(self, folder: Path):
        with self.qtbot.waitSignal(self.annotator.image_opened, timeout=TIMEOUT):
            self.widget.open_folder(folder)
        self.settle()

    def press(self, key, modifier=PLAIN, on=None):
        self.qtbot.keyClick(on or self.canvas, key, modifier)

    def go(self, key):
        """Press a key that opens another image, and wait until all is done there."""
        with self.qtbot.waitSignal(self.annotator.image_opened, timeout=TIMEOUT):
            self.press(key)
        self.settle()

    def type_tags(self, *tags):
        """Press T, type tags and Enter, and wait for the proposal."""
        self.press(Qt.Key.Key_T)
        entry = self.widget.tag_panel.entry
        self.qtbot.waitUntil(lambda: entry.window().focusWidget() is entry)
        for number, tag in enumerate(tags):
            self.qtbot.keyClicks(entry, tag if number == len(tags) - 1 else f"{tag},")
        with self.qtbot.waitSignal(
            self.annotator.proposal_shown, timeout=TIMEOUT, check_params_cb=bool
        ):
            popup = entry.completer().popup() if entry.completer() else None
            self.press(Qt.Key.Key_Return, on=popup if popup and popup.isVisible() else entry)
        self.settle()
        self.canvas.setFocus()

    def point(self, row, column):
        """Where a pixel of the image lies in the canvas."""
        camera = self.viewer.scene.camera
        centre = np.array([self.canvas.height(), self.canvas.width()]) / 2
        y, x = centre + (np.array([row, column]) - camera.center[-2:]) * camera.zoom
        return QPoint(round(x), round(y))

    def hover(self, row, column):
        self.qtbot.mouseMove(self.canvas, self.point(row, column))
        self.qtbot.wait(50)

    def paint(self, row, column, label, size=8):
        """Take napari's brush by its key and draw a short stroke."""
        layer = self.viewer.layers["proposal"]
        self.press(Qt.Key.Key_2)
        layer.selected_label, layer.brush_size = label, size
        start, end = self.point(row, column), self.point(row, column + 6)
        self.qtbot.mouseMove(self.canvas, start)
        self.qtbot.mousePress(self.canvas, LEFT, pos=start)
        self.qtbot.mouseMove(self.canvas, end)
        self.qtbot.mouseRelease(self.canvas, LEFT, pos=end)

    def class_id(self, name):
        return self.annotator.workspace.store.classes.find(name).id

    def close(self):
        """Close the panel, as napari does when its window goes."""
        self.viewer.window.remove_dock_widget(self.widget)
