"""Where an annotated folder keeps what was trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.session.dataset import images_folder
from weclip_napari.session.images import MODEL_FOLDER

if TYPE_CHECKING:
    import os


def models_folder(folder: str | os.PathLike[str]) -> Path:
    """Return where the models of a folder of images lie."""
    return Path(images_folder(folder)) / MODEL_FOLDER / "kept"


def runs_folder(folder: str | os.PathLike[str]) -> Path:
    """Return where the training runs of a folder of images lie."""
    return Path(images_folder(folder)) / MODEL_FOLDER / "runs"
