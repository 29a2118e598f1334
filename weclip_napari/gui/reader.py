"""What napari opens through us: a saved mask as a Labels layer, a folder in the annotator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weclip_napari.errors import UserError
from weclip_napari.session.images import MASK_FOLDER, list_images

if TYPE_CHECKING:
    from collections.abc import Callable

    LayerData = tuple[Any, ...]
    Reader = Callable[[str], list[LayerData]]

NO_LAYERS: list[LayerData] = [(None,)]
"""Says to napari that something was opened that brings no layer of its own."""


def mask_reader(path: str | list[str]) -> Reader | None:
    """Give the reader of a mask in ``weclip_masks``; None for any other file."""
    if isinstance(path, str) and _mask_folder(path) is not None:
        return read_mask_layer
    return None


def folder_reader(path: str | list[str]) -> Reader | None:
    """Give the reader that opens a folder in the annotator; None where that makes no sense.

    A folder without images is none to annotate, and without a window there is no annotator.
    """
    from napari import current_viewer

    if not isinstance(path, str) or not os.path.isdir(path) or current_viewer() is None:
        return None
    try:
        list_images(_images_of(path))
    except UserError:
        return None
    return open_in_annotator


def read_mask_layer(path: str) -> list[LayerData]:
    """Read a mask with the names and colours of its folder's classes.

    Returns
    -------
    list of one layer data tuple
        Label ids, (H, W) uint8, for a Labels layer.

    Raises
    ------
    UserError
        When the mask or the folder's ``classes.json`` cannot be read.
    """
    from weclip_napari.gui.layer_data import label_colormap, label_features
    from weclip_napari.session.annotation import CLASS_FILE
    from weclip_napari.session.class_file import read_class_table
    from weclip_napari.session.masks import read_mask

    classes = read_class_table((_mask_folder(path) or Path(path).parent) / CLASS_FILE)
    looks = {
        "name": Path(path).stem,
        "colormap": label_colormap(classes),
        "features": label_features(classes),
    }
    return [(read_mask(path), looks, "labels")]


def open_in_annotator(path: str) -> list[LayerData]:
    """Open a folder in the annotator of the current window; the annotator adds the layers."""
    from napari import current_viewer
    from qtpy.QtCore import QTimer

    from weclip_napari.gui.launch import dock_annotator

    widget = dock_annotator(current_viewer())
    QTimer.singleShot(0, lambda: widget.open_folder(_images_of(path)))
    return NO_LAYERS


def _images_of(folder: str) -> Path:
    """Name the folder of images; someone who drops the folder of masks means the one around it."""
    path = Path(folder)
    return path.parent if path.name == MASK_FOLDER else path


def _mask_folder(path: str) -> Path | None:
    return next((above for above in Path(path).parents if above.name == MASK_FOLDER), None)
