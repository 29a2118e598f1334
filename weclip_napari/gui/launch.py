"""Opening the annotator: in a viewer that is there, or in a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QThreadPool, QTimer
from qtpy.QtGui import QGuiApplication

from weclip_napari.gui.settings import Settings, engine_for, read_settings
from weclip_napari.gui.widget import AnnotatorWidget

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import napari.viewer

    from weclip_napari.gui.engine import Engine

# What napari's menu calls the panel, so that the menu finds the one that is there.
DOCK_NAME = "Annotator (WeCLIP for napari)"

# Enough for the panel beside the picture; smaller screens get a window of theirs.
WINDOW = (1360, 860)


def dock_annotator(
    viewer: napari.viewer.Viewer, engine: Engine | None = None, settings: Settings | None = None
) -> AnnotatorWidget:
    """Give the viewer's annotator; dock one if there is none.

    Parameters
    ----------
    viewer
        Where to dock it.
    engine, settings
        The model and the preferences of a new annotator; by default those of the user.
    """
    for docked in viewer.window.dock_widgets.values():
        if isinstance(docked, AnnotatorWidget):
            return docked
    widget = AnnotatorWidget(viewer, engine, settings)
    viewer.window.add_dock_widget(widget, name=DOCK_NAME, area="right")
    return widget


def open_annotator(
    folder: str | os.PathLike[str] | None = None,
    model: str | None = None,
    weights: Path | None = None,
    device: str | None = None,
) -> None:
    """Open napari with the annotator and wait until the window is closed.

    Parameters
    ----------
    folder
        The folder of images to open; none by default.
    model, weights, device
        As in `Settings`; by default what the user's preferences say.
    """
    import napari

    viewer = napari.Viewer(title="WeCLIP for napari")
    screen = QGuiApplication.primaryScreen().availableSize()
    viewer.window.resize(min(WINDOW[0], screen.width()), min(WINDOW[1], screen.height()))
    settings = _with_choices(read_settings(), model, weights, device)
    widget = dock_annotator(viewer, engine_for(settings), settings)
    if folder is not None:
        # later, as the picture is fitted to the room that the panel leaves
        QTimer.singleShot(0, lambda: widget.open_folder(folder))
    napari.run()
    finish_work()


def finish_work() -> None:
    """Wait until the threads of closed windows have ended: they must not outlive the program."""
    QThreadPool.globalInstance().waitForDone()


def _with_choices(
    settings: Settings, model: str | None, weights: Path | None, device: str | None
) -> Settings:
    """Let what was asked for win; preferred weights belong to the preferred model only."""
    if model is not None or weights is not None:
        settings = replace(settings, model=model or settings.model, weights=weights)
    return replace(settings, device=device or settings.device)
