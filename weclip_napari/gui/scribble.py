"""What belongs with the patches under a scribble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weclip_napari.core.affinity_selection import connected_part
from weclip_napari.gui.layer_data import affinity_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

STEP = 4
"""How far apart pixels of a scribble are looked at; no patch is that small."""


class Scribble:
    """The affinity of all patches that were touched: the highest of their rows.

    Parameters
    ----------
    size
        The image's (H, W).
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.patches: set[tuple[int, int]] = set()
        self.affinity: NDArray[np.float32] | None = None

    def holds(self, y: int, x: int) -> bool:
        """Whether the patch at a pixel was touched before."""
        return self.affinity is not None and self._patch(y, x, self.affinity) in self.patches

    def add(self, y: int, x: int, row: NDArray[np.float32]) -> None:
        """Add the row, (h, w), of the patch at a pixel."""
        picture = affinity_picture(row)
        self.patches.add(self._patch(y, x, picture))
        before = picture if self.affinity is None else self.affinity
        self.affinity = np.maximum(before, picture)

    def selected(self, threshold: float, *, is_connected: bool) -> NDArray[np.float32]:
        """Give the affinity, (h, w) in [0, 1]; if connected, only around what was touched."""
        if self.affinity is None:
            return np.zeros((1, 1), np.float32)
        if is_connected:
            return connected_part(self.affinity, threshold, self.patches)
        return self.affinity

    def _patch(self, y: int, x: int, grid: NDArray[np.float32]) -> tuple[int, int]:
        (height, width), (rows, columns) = self.size, grid.shape
        return y * rows // height, x * columns // width


def pixels_between(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Give pixels (y, x) on a line, both ends included."""
    (y, x), down, right = start, end[0] - start[0], end[1] - start[1]
    steps = max(1, max(abs(down), abs(right)) // STEP)
    for step in range(steps + 1):
        yield round(y + down * step / steps), round(x + right * step / steps)
