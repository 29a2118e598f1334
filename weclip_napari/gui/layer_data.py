"""What the layers show, as plain data: colours, class names, where a patch grid lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from napari.utils.colormaps import Colormap, DirectLabelColormap, ensure_colormap

from weclip_napari.session.masks import BACKGROUND, IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from weclip_napari.session.class_table import ClassTable

IGNORE_COLOR = (1.0, 1.0, 1.0, 1.0)
UNNAMED_COLOR = (0.5, 0.5, 0.5, 1.0)


def heat_colormap() -> Colormap:
    """Give the colours of the CAM layers: the higher, the brighter and the less transparent."""
    turbo = ensure_colormap("turbo").colors
    colors = turbo[: int(0.92 * len(turbo))].copy()  # its end is too dark to look high
    colors[:, 3] = 0.85 * np.linspace(0, 1, len(colors)) ** 0.7
    return Colormap(colors, name="weclip-heat", display_name="WeCLIP heat")


def label_colormap(classes: ClassTable) -> DirectLabelColormap:
    """Give each label id its class colour, background none, and ids without a class grey."""
    colors: dict[int | None, NDArray[np.float64]] = {
        None: np.array(UNNAMED_COLOR),
        BACKGROUND: np.zeros(4),
        IGNORE: np.array(IGNORE_COLOR),
    }
    for label_class in classes:
        colors[label_class.id] = np.array([*label_class.color, 255]) / 255
    return DirectLabelColormap(color_dict=colors)


def label_features(classes: ClassTable) -> pd.DataFrame:
    """Give the table that lets napari show class names in the status bar."""
    names = {BACKGROUND: "background", **{c.id: c.name for c in classes}, IGNORE: "ignore"}
    return pd.DataFrame({"index": list(names), "class": list(names.values())})


def patch_placement(grid: tuple[int, ...], size: tuple[int, ...]) -> dict[str, tuple[float, float]]:
    """Scale and shift that lay a patch grid (h, w) over an image (H, W), edge on edge.

    Napari puts the centre of the first element at `translate`, so a patch of `s` pixels is shifted
    by half of ``s - 1``.
    """
    scale = (size[0] / grid[0], size[1] / grid[1])
    return {"scale": scale, "translate": ((scale[0] - 1) / 2, (scale[1] - 1) / 2)}


def with_class_ids(label_map: NDArray[np.uint8], ids: Sequence[int]) -> NDArray[np.uint8]:
    """Turn a proposal's numbers (i + 1 for tag i) into the folder's label ids.

    Parameters
    ----------
    label_map
        (H, W) uint8; 0 stays background and 255 stays ignore.
    ids
        The label id of each tag.

    Returns
    -------
    ndarray of uint8, (H, W)
    """
    table = np.arange(256, dtype=np.uint8)
    table[1 : len(ids) + 1] = ids
    return table[label_map]


def affinity_picture(row: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch a row of the affinity, (h, w), to [0, 1]; the few strongest patches share the top."""
    low, high = np.percentile(row, (1, 99))
    return np.clip((row - low) / max(float(high - low), 1e-12), 0, 1).astype(np.float32)
