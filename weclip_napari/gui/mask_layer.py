"""The Labels layer that holds the mask of one image, together with who drew each pixel.

Every image gets a layer of its own: a layer that is given new data keeps its undo history, and
Ctrl+Z would replay strokes of the image before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from app_model.types import KeyCode, KeyMod
from napari.layers import Labels

from weclip_napari.gui.layer_data import label_colormap, label_features
from weclip_napari.session.masks import IGNORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from weclip_napari.session.class_table import ClassTable
    from weclip_napari.session.provenance import Provenance

OPACITY = 0.6
_UNDO = KeyMod.CtrlCmd | KeyCode.KeyZ
_REDO = KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ


class MaskLayer:
    """One image's mask as a napari layer.

    Parameters
    ----------
    mask
        Label ids, (H, W) uint8; the layer paints into this array.
    provenance
        Who drew each of its pixels; kept up to date from here on.
    classes
        Names and colours of the label ids.
    on_change
        Called after each change of the mask.

    Attributes
    ----------
    is_being_drawn
        Whether a mouse button is down on it; only call `propose` when not.
    """

    def __init__(
        self,
        mask: NDArray[np.uint8],
        provenance: Provenance,
        classes: ClassTable,
        on_change: Callable[[], None],
    ) -> None:
        self.layer = Labels(mask, name="proposal", opacity=OPACITY)
        self.provenance = provenance
        self.is_being_drawn = False
        self._on_change = on_change
        self._is_proposing = False
        self.show_classes(classes)
        self.layer.events.paint.connect(self._on_paint)
        self.layer.mouse_drag_callbacks.append(self._on_drag)
        self.layer.bind_key(_UNDO, self._on_undo_key, overwrite=True)
        self.layer.bind_key(_REDO, self._on_redo_key, overwrite=True)

    @property
    def mask(self) -> NDArray[np.uint8]:
        """The mask as it is now, (H, W) uint8."""
        data = np.asarray(self.layer.data)
        if data.dtype == np.uint8:
            return data
        # The layer list's menu can change the type; ids that no 8-bit mask holds become "ignore".
        return np.clip(data, 0, IGNORE).astype(np.uint8)

    def show_classes(self, classes: ClassTable) -> None:
        """Take over names and colours of the classes."""
        self.layer.colormap = label_colormap(classes)
        self.layer.features = label_features(classes)

    def propose(self, proposed: NDArray[np.uint8]) -> None:
        """Write a proposal, (H, W) uint8 label ids, wherever no person drew, as one undo step."""
        before = self.mask.copy()
        after = self.provenance.merge(before, proposed)
        changed = np.nonzero(before != after)
        self._is_proposing = True
        try:
            self.layer.data_setitem(changed, after[changed])
        finally:
            self._is_proposing = False
        self.provenance.proposal_written(before, after)
        self._on_change()

    def undo(self) -> None:
        """Take back the last stroke or proposal."""
        self.layer.undo()
        self.provenance.undone(self.mask)
        self._on_change()

    def redo(self) -> None:
        """Do the last undone stroke or proposal again."""
        self.layer.redo()
        self.provenance.redone()
        self._on_change()

    def stop(self) -> None:
        """Follow the layer's changes no longer."""
        self.layer.events.paint.disconnect(self._on_paint)
        self.layer.mouse_drag_callbacks.remove(self._on_drag)
        self.layer.bind_key(_UNDO, None)
        self.layer.bind_key(_REDO, None)

    def _on_paint(self, event: Any) -> None:
        if not self._is_proposing:
            self.provenance.stroke_drawn()
            self._on_change()

    def _on_drag(self, layer: Labels, event: Any) -> Iterator[None]:
        """Note how long a mouse button is down: napari ends the undo step when it goes up."""
        self.is_being_drawn = True
        try:
            yield
            while event.type == "mouse_move":
                yield
        finally:
            self.is_being_drawn = False

    def _on_undo_key(self, layer: Labels) -> None:
        """Undo the last stroke or proposal."""
        self.undo()

    def _on_redo_key(self, layer: Labels) -> None:
        """Redo the last undone stroke or proposal."""
        self.redo()
