"""The layers that show maps on the patch grid over the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from weclip_napari.gui.layer_data import heat_colormap

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray


def map_layer(key: str, values: NDArray[np.float32], placement: dict[str, Any]) -> Image:
    """Make the layer of a map, (h, w) float32 in [0, 1]; see `patch_placement`."""
    return Image(
        values,
        name=key,
        colormap=heat_colormap(),
        contrast_limits=(0, 1),
        blending="translucent",
        interpolation2d="linear",
        **placement,
    )


def place(layer: Layer, placement: dict[str, tuple[float, float]]) -> None:
    """Lay a map over the image; the viewer measures all layers anew after each change."""
    if all(np.allclose(getattr(layer, name), value) for name, value in placement.items()):
        return
    with layer.events.scale.blocker():
        layer.scale = placement["scale"]
    layer.translate = placement["translate"]
