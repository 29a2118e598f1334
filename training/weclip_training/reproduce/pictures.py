"""Pictures of a reproduction, drawn anew only where something they show has changed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from weclip_napari.session.atomic import write_bytes_atomically

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_MARK = "weclip-digest"


def draw_once(path: Path, mark: str, draw: Callable[[], NDArray[np.uint8]]) -> None:
    """Write a picture unless the one that is there was made from the same things.

    Parameters
    ----------
    path
        The PNG file.
    mark
        Digest of all that decides the picture; it is written into the file.
    draw
        Gives the picture, (H, W, 3) uint8.
    """
    if _mark_of(path) == mark:
        return
    info = PngInfo()
    info.add_text(_MARK, mark)
    buffer = io.BytesIO()
    Image.fromarray(draw()).save(buffer, "PNG", pnginfo=info)
    write_bytes_atomically(path, buffer.getvalue())


def _mark_of(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            return image.info.get(_MARK)
    except (FileNotFoundError, UnidentifiedImageError):
        return None
