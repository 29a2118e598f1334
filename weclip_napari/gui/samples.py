"""File → Open Sample: a folder of drawn scenes, made on the spot and opened in the annotator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path

from weclip_napari.gui.settings import PLUGIN as PLUGIN
from weclip_napari.session.images import list_images, read_image

if TYPE_CHECKING:
    from pathlib import Path

    LayerData = tuple[Any, dict[str, Any], str]

SAMPLE = "drawn_scenes"
COUNT, SEED, SIDE = 12, 2026, 384


def sample_folder(parent: Path | None = None) -> Path:
    """Give the folder of drawn scenes, making it the first time.

    Parameters
    ----------
    parent
        Where to make it; by default the user's data folder, so that masks drawn there last.
    """
    folder = (parent or user_data_path("weclip-napari", appauthor=False)) / "drawn-scenes"
    if not (folder / "classes.txt").exists():  # written last
        from weclip_napari.scenes import write_scenes

        write_scenes(folder, COUNT, SEED, SIDE)
    return folder


def drawn_scenes() -> list[LayerData]:
    """Open the sample folder in the annotator.

    Returns
    -------
    list of layer data
        The first scene: what napari shows where there is no window for the annotator. The
        annotator takes it away again as it opens the folder.
    """
    from napari import current_viewer
    from qtpy.QtCore import QTimer

    from weclip_napari.gui.launch import dock_annotator

    folder = sample_folder()
    viewer = current_viewer()
    if viewer is not None:
        widget = dock_annotator(viewer)
        QTimer.singleShot(0, lambda: widget.open_sample(folder))
    first = read_image(list_images(folder / "images")[0])
    return [(first, {"name": "drawn scene", "rgb": True}, "image")]
