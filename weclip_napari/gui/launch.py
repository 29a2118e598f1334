"""Starting napari with the annotator open on a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import napari

if TYPE_CHECKING:
    import os


def launch(folder: str | os.PathLike[str]) -> None:
    """Open a window, show a folder's images in the annotator, and return when it is closed."""
    viewer = napari.Viewer(title="WeCLIP for napari")
    _, widget = viewer.window.add_plugin_dock_widget("weclip-napari", "Annotator")
    widget.open_folder(folder)
    napari.run()
