"""Where someone stopped working on a folder, so that they can go on there."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.images import MASK_FOLDER

if TYPE_CHECKING:
    import os

RESUME_FILE = "session.json"
VERSION = 1


@dataclass(frozen=True)
class Resume:
    """Where someone stopped.

    Attributes
    ----------
    image
        Path of the open image inside the folder.
    camera_center
        The point (y, x) of the image in the middle of the window.
    zoom
        Screen pixels to an image pixel.
    visible
        Which layers are shown, by their role.
    view
        What was shown over the image.
    tag
        The tag that was looked at; None for none.
    settings
        Anything else that JSON can hold, by name.
    """

    image: str
    camera_center: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    visible: dict[str, bool] = field(default_factory=dict)
    view: str = ""
    tag: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


def read_resume(folder: str | os.PathLike[str]) -> Resume | None:
    """Read where someone stopped in a folder; None when that is not known or not readable."""
    try:
        content = json.loads(_path(folder).read_bytes())
        return _from_json(content) if content["version"] == VERSION else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_resume(folder: str | os.PathLike[str], resume: Resume) -> None:
    """Note where someone stopped; where that cannot be written they start at the beginning."""
    content = {"version": VERSION, **asdict(resume)}
    content["image"] = resume.image.encode("utf-8", "replace").decode("utf-8")
    with contextlib.suppress(OSError):
        _path(folder).parent.mkdir(exist_ok=True)
        write_text_atomically(_path(folder), json.dumps(content, ensure_ascii=False) + "\n")


def _path(folder: str | os.PathLike[str]) -> Path:
    return Path(folder) / MASK_FOLDER / RESUME_FILE


def _from_json(content: dict[str, Any]) -> Resume:
    y, x = (float(value) for value in content["camera_center"])
    zoom = float(content["zoom"])
    if not (math.isfinite(y) and math.isfinite(x) and math.isfinite(zoom) and zoom > 0):
        raise ValueError("the camera points nowhere")
    tag = content["tag"]
    return Resume(
        str(content["image"]),
        (y, x),
        zoom,
        {str(role): bool(shown) for role, shown in content["visible"].items()},
        str(content["view"]),
        None if tag is None else str(tag),
        dict(content["settings"]),
    )
