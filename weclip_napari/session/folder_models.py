"""Where an annotated folder keeps what was trained on it, and what of it is in use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.session.dataset import images_folder
from weclip_napari.session.images import MODEL_FOLDER

if TYPE_CHECKING:
    import os

HISTORY = "history.json"
"""In a folder of models: the names that were in use one after the other."""
MODEL_CONFIG = "config.json"
"""What makes a folder a model."""
RUN_CONFIG, RUN_RESULT = "config.json", "result.json"
"""In a training run: its settings; what it brought, once it is done."""
RUN_DECIDED = "decided.txt"
"""In a training run: whether the user kept its model."""


def models_folder(folder: str | os.PathLike[str]) -> Path:
    """Return where the models of a folder of images lie."""
    return Path(images_folder(folder)) / MODEL_FOLDER / "kept"


def runs_folder(folder: str | os.PathLike[str]) -> Path:
    """Return where the training runs of a folder of images lie."""
    return Path(images_folder(folder)) / MODEL_FOLDER / "runs"


def names_in_use(models: Path) -> list[str]:
    """Give the names of models that were in use one after the other, without those that are gone.

    The last one is in use.
    """
    try:
        names = json.loads((models / HISTORY).read_text(encoding="utf-8"))["names"]
        return [str(name) for name in names if (models / str(name) / MODEL_CONFIG).is_file()]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def model_in_use(folder: str | os.PathLike[str]) -> Path | None:
    """Return the model that a folder of images has in use; None when that is none of its own."""
    models = models_folder(folder)
    names = names_in_use(models)
    return models / names[-1] if names else None


def last_run(folder: str | os.PathLike[str]) -> Path | None:
    """Return the newest training run of a folder of images; None when there is none."""
    found = [path.parent for path in runs_folder(folder).glob(f"*/{RUN_CONFIG}")]
    return max(found, key=lambda path: path.name, default=None)
