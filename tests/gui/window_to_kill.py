"""A real window that somebody works in, started by test_kill.py, which kills it.

``python -m tests.gui.window_to_kill FOLDER`` paints strokes and says on its standard output when
each stroke is drawn and when how many of them are saved. With a file's name after FOLDER it stays
for a while at the moment before that file takes its place, and says so.
"""

import sys
import time
from pathlib import Path

from weclip_napari.gui.engine import Engine
from weclip_napari.gui.launch import dock_annotator
from weclip_napari.gui.save_state import SaveState
from weclip_napari.gui.settings import Settings

AUTOSAVE_S = 1
STROKES, EVERY_MS = 90, 100
SIDE = 12
LABEL = 3


def place(number):
    """Row and column of a stroke, each in a square of its own."""
    row, column = divmod(number, SIDE)
    return 10 + 16 * row, 10 + 16 * column


def say(*words):
    print(*words, flush=True)


def stay_before(name):
    """Make the moment before a file is replaced long enough to be killed in."""
    replace = Path.replace

    def slow(self, target):
        if Path(target).name == name:
            say("replacing", name)
            time.sleep(30)
        return replace(self, target)

    Path.replace = slow


def main(folder, name=None):
    import napari
    from qtpy.QtCore import QEventLoop, QPoint, Qt, QTimer
    from qtpy.QtTest import QTest

    viewer = napari.Viewer()
    viewer.window.resize(1200, 900)
    settings = Settings(autosave_seconds=AUTOSAVE_S)
    widget = dock_annotator(viewer, Engine(), settings)
    annotator, canvas = widget.annotator, viewer.window._qt_viewer.canvas.native

    def wait(signal, act):
        loop = QEventLoop()
        signal.connect(lambda *_: loop.quit())
        act()
        loop.exec()

    drawn, in_snapshot, saved = [], [], []

    def on_state():
        if annotator.save_state is SaveState.SAVING and not in_snapshot:
            in_snapshot.append(len(drawn))

    def on_saved(_):
        saved.append(in_snapshot.pop())
        say("saved", saved[-1])

    annotator.save_state_changed.connect(on_state)
    annotator.saver.saved.connect(on_saved)
    wait(annotator.image_opened, lambda: widget.open_folder(folder))
    annotator.type_tags(("apple",))
    wait(annotator.proposal_shown, annotator.propose)
    layer = viewer.layers["proposal"]
    layer.mode, layer.selected_label, layer.brush_size = "paint", LABEL, 5

    def draw():
        camera = viewer.scene.camera
        row, column = place(len(drawn))
        x = canvas.width() / 2 + (column - camera.center[-1]) * camera.zoom
        y = canvas.height() / 2 + (row - camera.center[-2]) * camera.zoom
        point = QPoint(round(x), round(y))
        QTest.mouseMove(canvas, point)
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=point)
        drawn.append(point)
        say("drawn", len(drawn))
        if len(drawn) == STROKES:
            timer.stop()

    timer = QTimer()
    timer.timeout.connect(draw)
    if name:
        draw()
        while not max(saved, default=0):  # then there is something to lose
            wait(annotator.saver.saved, lambda: None)
        stay_before(name)
    timer.start(EVERY_MS)
    napari.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
