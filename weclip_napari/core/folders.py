"""Where weight files, checkpoints and the cache of the user lie."""

from __future__ import annotations

import os
from pathlib import Path

HOME = "WECLIP_NAPARI_HOME"
"""The variable that names the user's folder."""


def user_folder() -> Path:
    """Return ``~/.weclip-napari``, or what the variable ``WECLIP_NAPARI_HOME`` names."""
    return Path(os.environ.get(HOME) or Path.home() / ".weclip-napari")


def weights_folder() -> Path:
    """Return the folder of CLIP weights."""
    return user_folder() / "weights"


def checkpoints_folder() -> Path:
    """Return the folder whose checkpoints can be named without their path."""
    return user_folder() / "checkpoints"


def features_folder() -> Path:
    """Return the folder in which features of images are kept; it may be deleted at any time."""
    return user_folder() / "cache" / "features"


def views_folder() -> Path:
    """Return the folder in which training keeps what it encoded; it may be deleted."""
    return user_folder() / "cache" / "views"
