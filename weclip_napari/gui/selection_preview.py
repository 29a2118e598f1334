"""A soft preview of what the affinity brush would paint, in the colour of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from napari.utils.colormaps import Colormap

from weclip_napari.gui.layer_data import patch_placement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NAME = "affinity brush"
SOFTNESS = 0.1
"""How far from the threshold the preview fades in."""

_OPACITY = 0.75
_EDGE = 0.3  # of the colours' scale; the eye sees an edge there


class SelectionPreview:
    """The layer of the preview; it is made once and used for every image."""

    def __init__(self) -> None:
        self.layer = Image(
            np.zeros((1, 1), np.float32),
            name=NAME,
            blending="translucent",
            interpolation2d="linear",
            visible=False,
        )
        self._color: tuple[float, ...] = ()

    def show(
        self,
        affinity: NDArray[np.float32],
        size: tuple[int, int],
        threshold: float,
        color: Sequence[float],
    ) -> None:
        """Show what passes a threshold.

        Parameters
        ----------
        affinity
            On the patch grid, (h, w) in [0, 1].
        size
            The image's (H, W).
        threshold
            Where the preview is half there.
        color
            Red, green and blue in [0, 1].
        """
        placement = patch_placement(affinity.shape, size)
        self.layer.data = affinity
        self.layer.scale, self.layer.translate = placement["scale"], placement["translate"]
        if self._color != tuple(color[:3]):
            self._color = tuple(color[:3])
            self.layer.colormap = _soft_colors(self._color)
        self.layer.contrast_limits_range = (-1.0, 2.0)
        self.layer.contrast_limits = (threshold - SOFTNESS, threshold + SOFTNESS)
        self.layer.visible = True

    def hide(self) -> None:
        """Show nothing."""
        self.layer.visible = False


def _soft_colors(color: tuple[float, ...]) -> Colormap:
    ramp = [(*color, 0.0), (*color, _EDGE * _OPACITY), (*color, _OPACITY)]
    return Colormap(ramp, controls=[0.0, 0.5, 1.0], name="weclip-selection")
