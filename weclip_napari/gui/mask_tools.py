"""Corrections of the whole mask, computed off the GUI thread: fill, islands, smooth, snap."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from weclip_napari.gui.jobs import JobRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.gui.drawing import Drawing
    from weclip_napari.session.workspace import OpenImage

    Mask = NDArray[np.uint8]
    Edit = Callable[[Mask], Mask]


class MaskTools(QObject):
    """Edits of the open image's mask; each is one undo step.

    A mask that changes while an edit is being computed is edited again as it is then; an edit of
    an image that was left is dropped.

    Attributes
    ----------
    is_for_all
        Whether all classes are edited, or only the one that the brush paints.
    jobs
        Tells when an edit is under way.
    superpixels
        Those of the open image, once they were needed.
    """

    def __init__(self, annotator: Annotator, drawing: Drawing) -> None:
        super().__init__(annotator)
        self.is_for_all = False
        self.jobs = JobRunner(self._is_drawing, self)
        self._annotator = annotator
        self._drawing = drawing
        self.superpixels = Superpixels()
        self.jobs.failed.connect(annotator.failed)
        drawing.layer_changed.connect(self._on_layer_changed)

    def fill_holes(self) -> None:
        """Fill the holes of the class."""
        from weclip_napari.core import mask_edits

        label = self._label()
        self._start(lambda mask: mask_edits.fill_holes(mask, label), "No holes to fill.")

    def remove_islands(self, min_area: int) -> None:
        """Remove connected regions of the class of fewer pixels, but not its largest."""
        from weclip_napari.core import mask_edits

        label = self._label()
        self._start(
            lambda mask: mask_edits.remove_islands(mask, min_area, label),
            f"No islands of fewer than {min_area} pixels.",
        )

    def smooth(self, radius: float) -> None:
        """Smooth the outline of the class over a radius in pixels."""
        from weclip_napari.core import mask_edits

        label = self._label()
        self._start(lambda mask: mask_edits.smooth(mask, radius, label), "Nothing to smooth.")

    def snap(self) -> None:
        """Move the outline of the class to the edges of superpixels."""
        from weclip_napari.core import mask_edits

        label, image = self._label(), self._annotator.current
        if image is None:
            return

        def edit(mask: Mask) -> Mask:
            segments = self.superpixels.of(image)
            return mask_edits.snap_to_superpixels(mask, segments, label)

        self._start(edit, "The outline lies on superpixels already.")

    def _label(self) -> int | None:
        return None if self.is_for_all else self._drawing.label

    def _start(self, edit: Edit, otherwise: str) -> None:
        mask = self._annotator.layers.mask
        if not self._drawing.may_draw() or mask is None:
            return
        before, revision = mask.mask.copy(), mask.provenance.revision

        def apply(after: Mask) -> None:
            if self._annotator.layers.mask is not mask or not self._drawing.may_draw():
                return
            if mask.provenance.revision != revision:
                self._start(edit, otherwise)
            else:
                self._annotator.noted.emit("" if mask.edit(after) else otherwise)

        self.jobs.start(lambda _: edit(before), apply)

    def _on_layer_changed(self) -> None:
        self.jobs.cancel()
        self.superpixels.forget()

    def _is_drawing(self) -> bool:
        mask = self._annotator.layers.mask
        return mask is not None and mask.is_being_drawn


class Superpixels:
    """The superpixels of the last image that they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[str, NDArray[np.int32]] | None = None

    def of(self, image: OpenImage) -> NDArray[np.int32]:
        """Give the superpixels of an image, (H, W) int32; takes up to seconds the first time."""
        from weclip_napari.core.mask_edits import superpixels

        with self._lock:
            kept = self._kept
            if kept is None or kept[0] != image.digest:
                kept = self._kept = image.digest, superpixels(image.pixels)
            return kept[1]

    def forget(self) -> None:
        """Let go of them."""
        self._kept = None
