"""The affinity layer follows the cursor: what belongs with the patch under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from weclip_napari.gui.layers import LayerStack
    from weclip_napari.gui.viewport import Viewport

    LookUp = Callable[[int, int], NDArray[np.float32] | None]


class AffinityProbe:
    """Shows the affinity of the patch under the cursor while its layer is visible.

    Parameters
    ----------
    viewport
        Where the cursor is followed.
    layers
        The layers that show the affinity.
    look_up
        Gives the affinity, (h, w), of the patch at a pixel (y, x), or None when there is none now.
    """

    def __init__(self, viewport: Viewport, layers: LayerStack, look_up: LookUp) -> None:
        self._viewport = viewport
        self._layers = layers
        self._look_up = look_up
        viewport.on_mouse_move(self._on_mouse_move)

    def stop(self) -> None:
        """Follow the cursor no longer."""
        self._viewport.stop_mouse_move(self._on_mouse_move)

    def show(self, y: float, x: float) -> None:
        """Show the affinity of the patch at a position of the image, if it lies inside."""
        mask = self._layers.mask
        if mask is None or not self._layers.follows_cursor:
            return
        row, column = round(y), round(x)
        height, width = mask.mask.shape
        if not (0 <= row < height and 0 <= column < width):
            return
        affinity = self._look_up(row, column)
        if affinity is not None:
            self._layers.show_affinity(affinity)

    def _on_mouse_move(self, viewer: Any, event: Any) -> None:
        y, x = event.position[-2:]
        self.show(y, x)
