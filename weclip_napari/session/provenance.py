"""Who drew each pixel of a mask, a person or the model, through proposals, strokes and undo.

A pixel is human when it differs from what the model last wrote there, or was human when the model
last wrote. The history mirrors the undo history of the layer that shows the mask, so that taking a
proposal back also takes back what was known about the pixels then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.uint8]
    Flags = NDArray[np.bool_]

# A proposal costs three bytes a pixel here; older ones than these can no longer be told apart from
# strokes, which only keeps pixels that the model could have replaced.
MAX_PROPOSALS = 20


@dataclass(frozen=True)
class _Write:
    """A proposal that was written: the mask around it and the pixels that were human then."""

    before: Mask
    after: Mask
    human: Flags

    def is_undone_in(self, mask: Mask) -> bool:
        changed = self.before != self.after
        return np.array_equal(mask[changed], self.before[changed])


class Provenance:
    """Who drew each pixel of one image's mask.

    Parameters
    ----------
    mask
        The mask that the image starts with, (H, W) uint8.
    human
        Pixels of it that a person drew, (H, W) bool; None when there are none.
    """

    def __init__(self, mask: Mask, human: Flags | None = None) -> None:
        start = mask.copy()
        drawn = np.zeros(mask.shape, bool) if human is None else human.copy()
        self._base = _Write(start, start, drawn)
        self._done: list[_Write | None] = []  # None is a stroke
        self._undone: list[_Write | None] = []

    def human(self, mask: Mask) -> Flags:
        """Tell which pixels of the mask as it is now were drawn by a person, (H, W) bool."""
        last = self._last_write()
        changed: Flags = mask != last.after
        return last.human | changed

    def merge(self, mask: Mask, proposed: Mask) -> Mask:
        """Put a proposal under the human pixels of the mask; returns a new (H, W) uint8 mask."""
        return np.where(self.human(mask), mask, proposed)

    def proposal_written(self, before: Mask, after: Mask) -> None:
        """Note that a proposal turned the mask `before` into `after`, as one undo step."""
        if np.array_equal(before, after):
            return  # napari keeps no undo step for a write that changes nothing
        self._push(_Write(before.copy(), after.copy(), self.human(before)))
        self._forget_oldest_proposal()

    def stroke_drawn(self) -> None:
        """Note that a person changed the mask, as one undo step."""
        self._push(None)

    def undone(self, mask: Mask) -> None:
        """Note that the last step was undone and left the mask as it is now."""
        if not self._done:
            return
        step = self._done.pop()
        if step is None or step.is_undone_in(mask):
            self._undone.append(step)
            return
        # Something else changed the mask: what is not known to be the model's stays human.
        self._base, self._done, self._undone = step, [], []

    def redone(self) -> None:
        """Note that the last undone step was done again."""
        if self._undone:
            self._done.append(self._undone.pop())

    def _push(self, step: _Write | None) -> None:
        self._done.append(step)
        self._undone.clear()

    def _last_write(self) -> _Write:
        return next((step for step in reversed(self._done) if step is not None), self._base)

    def _forget_oldest_proposal(self) -> None:
        writes = [(i, step) for i, step in enumerate(self._done) if step is not None]
        if len(writes) > MAX_PROPOSALS:
            index, self._base = writes[0]
            del self._done[: index + 1]
