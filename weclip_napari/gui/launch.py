"""Opening the annotator: in a viewer that is there, or in a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtGui import QGuiApplication

from weclip_napari.gui.engine import EMBEDDED, Engine
from weclip_napari.gui.widget import AnnotatorWidget

if TYPE_CHECKING:
    import os

    import napari.viewer

# What napari's menu calls the panel, so that the menu finds the one that is there.
DOCK_NAME = "Annotator (WeCLIP for napari)"

# Enough for the panel beside the picture; smaller screens get a window of theirs.
WINDOW = (1360, 860)


def dock_annotator(viewer: napari.viewer.Viewer, engine: Engine | None = None) -> AnnotatorWidget:
    """Give the viewer's annotator; dock one if there is none.

    Parameters
    ----------
    viewer
        Where to dock it.
    engine
        The model of a new annotator; the embedded one by default.
    """
    for docked in viewer.window.dock_widgets.values():
        if isinstance(docked, AnnotatorWidget):
            return docked
    widget = AnnotatorWidget(viewer, engine)
    viewer.window.add_dock_widget(widget, name=DOCK_NAME, area="right")
    return widget


def open_annotator(folder: str | os.PathLike[str] | None = None, model: str = EMBEDDED) -> None:
    """Open napari with the annotator and wait until the window is closed.

    Parameters
    ----------
    folder
        The folder of images to open; none by default.
    model
        Which model: "embedded", an open_clip name, or a checkpoint's path.
    """
    import napari

    viewer = napari.Viewer(title="WeCLIP for napari")
    screen = QGuiApplication.primaryScreen().availableSize()
    viewer.window.resize(min(WINDOW[0], screen.width()), min(WINDOW[1], screen.height()))
    widget = dock_annotator(viewer, Engine(model))
    if folder is not None:
        widget.open_folder(folder)
        # the picture was fitted before the panel took its place
        QTimer.singleShot(0, viewer.reset_view)
    napari.run()
