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
        self.layer.contrast_limits_range = (-1.0, 2.0)
        self._color: tuple[float, ...] = ()
        self._placement: dict[str, tuple[float, float]] = {}

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
        self._place(patch_placement(affinity.shape, size))
        if self._color != tuple(color[:3]):
            self._color = tuple(color[:3])
            self.layer.colormap = _soft_colors(self._color)
        limits = [threshold - SOFTNESS, threshold + SOFTNESS]
        if list(self.layer.contrast_limits) != limits:
            self.layer.contrast_limits = limits
        if self.layer.data.shape == affinity.shape:
            self.layer.data[...] = affinity
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)
        else:
            self.layer.data = affinity.copy()
        self._set_visible(True)

    def hide(self) -> None:
        """Show nothing."""
        self._set_visible(False)

    def _set_visible(self, is_visible: bool) -> None:
        if self.layer.visible != is_visible:  # napari draws everything anew otherwise, too
            self.layer.visible = is_visible

    def _place(self, placement: dict[str, tuple[float, float]]) -> None:
        """Lay the patches over the image; napari takes long over it, so only where it is new."""
        if placement != self._placement:
            self._placement = placement
            self.layer.scale, self.layer.translate = placement["scale"], placement["translate"]


def _soft_colors(color: tuple[float, ...]) -> Colormap:
    ramp = [(*color, 0.0), (*color, _EDGE * _OPACITY), (*color, _OPACITY)]
    return Colormap(ramp, controls=[0.0, 0.5, 1.0], name="weclip-selection")
