"""File → Save of a Labels layer as a palette PNG, such as other tools read."""

from __future__ import annotations

from typing import Any

import numpy as np

from weclip_napari.errors import UserError
from weclip_napari.session.masks import write_mask


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the labels of a layer as a palette PNG.

    Parameters
    ----------
    path
        The file to write, ending in ``.png``.
    data
        Label ids, (H, W), whole numbers from 0 to 255; the largest level of a pyramid is taken.
    attributes
        What napari tells of the layer.

    Returns
    -------
    list of str
        The file that was written.

    Raises
    ------
    UserError
        When the labels do not fit into a palette PNG.
    """
    labels = np.asarray(data[0] if attributes.get("multiscale") else data)
    name = attributes.get("name", "the layer")
    if labels.ndim != 2:
        raise UserError(
            f"'{name}' has {labels.ndim} axes and cannot be written to '{path}'. "
            "A mask has two: choose one slice, or save it as TIFF."
        )
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if low < 0 or high > 255:
        raise UserError(
            f"'{name}' holds the label {high if high > 255 else low} and cannot be written to "
            f"'{path}': a palette PNG holds 0 to 255. Number the labels anew, or save it as TIFF."
        )
    write_mask(path, labels.astype(np.uint8))
    return [path]
