"""Who drew each pixel of a mask, a person or the model, through proposals, strokes and undo.

This is also the mask's undo history: each step keeps only the pixels that it changed, together with
who had drawn them, so that taking a step back also takes back what was known about the pixels then.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.uint8]
    Flags = NDArray[np.bool_]

Box = tuple[slice, slice]
Kind = Literal["stroke", "selection", "proposal"]

MAX_STEPS = 100
MAX_BYTES = 256 * 2**20
"""How much the steps of one image may hold; the oldest are forgotten beyond it."""

_LISTED_BYTES, _BOXED_BYTES = 6, 2  # for each pixel: of a list with positions, of a whole box


def common_box(one: Box | None, other: Box | None) -> Box | None:
    """Give the smallest box around two boxes."""
    if one is None or other is None:
        return one or other
    pairs = zip(one, other, strict=True)
    rows, columns = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in pairs)
    return rows, columns


@dataclass
class _Step:
    """One undo step: the pixels that it changed, as they were before it (after it, once undone).

    Attributes
    ----------
    where
        Positions in the flattened mask; None when the whole box is kept.
    before, after
        The revisions on either side of the step.
    """

    kind: Kind
    box: Box
    where: NDArray[np.uint32] | None
    mask: Mask
    human: Flags
    before: int
    after: int

    @property
    def size(self) -> int:
        """Bytes held."""
        listed = 0 if self.where is None else self.where.nbytes
        return listed + self.mask.nbytes + self.human.nbytes

    def swap(self, mask: Mask, human: Flags) -> None:
        """Exchange what the step holds with what the image holds."""
        own_mask, own_human = self.mask, self.human
        if self.where is None:
            self.mask, self.human = mask[self.box].copy(), human[self.box].copy()
            mask[self.box], human[self.box] = own_mask, own_human
        else:
            flat_mask, flat_human = mask.reshape(-1), human.reshape(-1)
            self.mask, self.human = flat_mask[self.where], flat_human[self.where]
            flat_mask[self.where], flat_human[self.where] = own_mask, own_human


class Provenance:
    """Who drew each pixel of one image's mask, with the steps that led there.

    It keeps a mask of its own: the methods that change it return the box of what changed, which
    whoever shows the mask copies from `mask`.

    Parameters
    ----------
    mask
        The mask that the image starts with, (H, W) uint8.
    human
        Pixels of it that a person drew, (H, W) bool; None when there are none.
    """

    def __init__(self, mask: Mask, human: Flags | None = None) -> None:
        self.mask = np.array(mask, np.uint8, order="C")
        self._human = np.zeros(mask.shape, bool) if human is None else np.array(human, bool)
        self._done: list[_Step] = []
        self._undone: list[_Step] = []
        self._numbers = count(1)
        self._revision = 0
        self._without_step: set[Kind] = set()  # what was written since the last step, in vain

    @property
    def revision(self) -> int:
        """Names the mask with its flags as they are now; undoing gives the same names again."""
        return self._revision

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone step."""
        return bool(self._undone)

    def human(self, mask: Mask) -> Flags:
        """Tell which pixels of the mask as it is now were drawn by a person, (H, W) bool.

        What differs from the mask that is known here was drawn by a person, too.
        """
        human: Flags = self.mask != mask
        human |= self._human
        return human

    def draw(self, mask: Mask, box: Box | None = None, *, kind: Kind = "stroke") -> Box | None:
        """Note that a person changed the mask, as one undo step.

        Parameters
        ----------
        mask
            The mask as it is now, (H, W) uint8.
        box
            Where it changed; None for anywhere.

        Returns
        -------
        Box or None
            What changed; None when nothing did.
        """
        box = box or self._everywhere
        return self._write(box, mask[box], self.mask[box] != mask[box], kind)

    def select(
        self, selection: Flags, box: Box, label: int, *, replace_last: bool = False
    ) -> Box | None:
        """Let a person paint a selection, (h, w) bool inside a box, as one undo step.

        `replace_last` takes back the selection painted in the step before, if it was one.
        """
        old = self._take_back("selection") if replace_last else None
        changed = selection & (self.mask[box] != label)
        after = np.broadcast_to(np.uint8(label), changed.shape)
        return common_box(old, self._write(box, after, changed, "selection"))

    def propose(
        self, proposed: Mask, *, overrule: bool = False, replace_last: bool = False
    ) -> Box | None:
        """Put a proposal, (H, W) uint8, in place of the model's pixels, as one undo step.

        Parameters
        ----------
        overrule
            Whether pixels that a person drew otherwise are replaced, too.
        replace_last
            Whether the proposal of the step before is taken back first, if it was one.

        Returns
        -------
        Box or None
            What changed; None when nothing did.
        """
        old = self._take_back("proposal") if replace_last else None
        changed: Flags = self.mask != proposed
        if not overrule:
            np.greater(changed, self._human, out=changed)
        return common_box(old, self._write(self._everywhere, proposed, changed, "proposal"))

    def undo(self) -> Box | None:
        """Take back the last step; returns what changed, None when there is no step."""
        if not self._done:
            return None
        step = self._done.pop()
        step.swap(self.mask, self._human)
        self._undone.append(step)
        self._revision = step.before
        self._without_step.clear()
        return step.box

    def redo(self) -> Box | None:
        """Do the last undone step again; returns what changed, None when there is none."""
        if not self._undone:
            return None
        step = self._undone.pop()
        step.swap(self.mask, self._human)
        self._done.append(step)
        self._revision = step.after
        self._without_step.clear()
        return step.box

    @property
    def _everywhere(self) -> Box:
        height, width = self.mask.shape
        return slice(0, height), slice(0, width)

    def _write(self, box: Box, after: Mask, changed: Flags, kind: Kind) -> Box | None:
        """Write what changed of a box as a step; nothing if nothing did."""
        number = np.count_nonzero(changed)
        if number == 0:
            self._without_step.add(kind)
            return None
        if _LISTED_BYTES * number < _BOXED_BYTES * changed.size:
            return self._write_listed(box, after, changed, kind)
        return self._write_boxed(box, after, changed, kind)

    def _write_listed(self, box: Box, after: Mask, changed: Flags, kind: Kind) -> Box:
        """Write a few pixels far apart, such as a stroke from corner to corner."""
        rows, columns = np.divmod(np.flatnonzero(changed), changed.shape[1])
        values = after[rows, columns]
        rows, columns = rows + box[0].start, columns + box[1].start
        where = (rows * self.mask.shape[1] + columns).astype(np.uint32)
        spans = slice(int(rows[0]), int(rows[-1]) + 1), _span(columns)
        flat_mask, flat_human = self.mask.reshape(-1), self._human.reshape(-1)
        self._push(kind, spans, where, flat_mask[where], flat_human[where])
        flat_mask[where] = values
        flat_human[where] = kind != "proposal"
        return spans

    def _write_boxed(self, box: Box, after: Mask, changed: Flags, kind: Kind) -> Box:
        tight = _bounds(changed)
        changed, after = changed[tight], after[tight]
        spans = tuple(
            slice(part.start + whole.start, part.stop + whole.start)
            for part, whole in zip(tight, box, strict=True)
        )
        mask, human = self.mask[spans], self._human[spans]
        self._push(kind, (spans[0], spans[1]), None, mask.copy(), human.copy())
        np.copyto(mask, after, where=changed)
        if kind == "proposal":
            np.greater(human, changed, out=human)
        else:
            human |= changed
        return spans[0], spans[1]

    def _push(
        self, kind: Kind, box: Box, where: NDArray[np.uint32] | None, mask: Mask, human: Flags
    ) -> None:
        step = _Step(kind, box, where, mask, human, self._revision, next(self._numbers))
        self._done.append(step)
        self._undone.clear()
        self._revision = step.after
        self._without_step.clear()
        held = sum(step.size for step in self._done)
        while len(self._done) > 1 and (len(self._done) > MAX_STEPS or held > MAX_BYTES):
            held -= self._done.pop(0).size

    def _take_back(self, kind: Kind) -> Box | None:
        """Take back the last step for good, if it is of a kind, to write another instead.

        When the last of that kind changed nothing, it left no step; the one before it is not its.
        """
        is_last = bool(self._done) and self._done[-1].kind == kind
        if not is_last or kind in self._without_step:
            return None
        box = self.undo()
        self._undone.clear()
        return box


def _bounds(changed: Flags) -> Box:
    """Give the box around what is set; something must be."""
    rows = _span(np.flatnonzero(changed.any(axis=1)))
    return rows, _span(np.flatnonzero(changed[rows].any(axis=0)))


def _span(numbers: NDArray[np.intp]) -> slice:
    return slice(int(numbers.min()), int(numbers.max()) + 1)
