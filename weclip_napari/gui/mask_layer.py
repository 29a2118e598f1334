"""The Labels layer that holds the mask of one image, together with who drew each pixel.

Undo is ours, not napari's: a step of ours knows who drew its pixels, stays small on large masks,
and never reaches into another image, even where images share a layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from app_model.types import KeyCode, KeyMod
from napari.layers import Labels

from weclip_napari.gui.layer_data import label_colormap, label_features
from weclip_napari.session.masks import IGNORE
from weclip_napari.session.provenance import common_box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from weclip_napari.session.class_table import ClassTable
    from weclip_napari.session.provenance import Box, Provenance

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
    layer
        The layer of an image before, to be used again: napari takes long to add and remove one.
    """

    def __init__(
        self,
        mask: NDArray[np.uint8],
        provenance: Provenance,
        classes: ClassTable,
        on_change: Callable[[], None],
        layer: Labels | None = None,
    ) -> None:
        self.mask = mask
        self.layer = layer or Labels(mask, name="proposal", opacity=OPACITY)
        if layer is not None:
            layer.editable = False  # napari then forgets the strokes that it noted
            layer.data = mask  # and this makes it editable again
        self.provenance = provenance
        self._on_change = on_change
        self._is_pressed = False
        self._is_editable = True
        self.show_classes(classes)
        self.layer.events.paint.connect(self._on_paint)
        self.layer.events.data.connect(self._on_data)
        self.layer.events.editable.connect(self._on_editable)
        self.layer.mouse_drag_callbacks.append(self._on_drag)
        self.layer.bind_key(_UNDO, self._on_undo_key, overwrite=True)
        self.layer.bind_key(_REDO, self._on_redo_key, overwrite=True)

    @property
    def is_being_drawn(self) -> bool:
        """Whether a stroke is under way: steps and proposals have to wait for its end."""
        outline = self.layer._overlays.get("brush_stroke")  # napari's right-button tool
        return self._is_pressed or (outline is not None and outline.active)

    @property
    def is_editable(self) -> bool:
        """Whether the mask can be drawn on."""
        return self._is_editable

    @is_editable.setter
    def is_editable(self, is_editable: bool) -> None:
        self._is_editable = self.layer.editable = is_editable

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self.provenance.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone step."""
        return self.provenance.can_redo

    def show_classes(self, classes: ClassTable) -> None:
        """Take over names and colours of the classes, which takes a while if there are others."""
        shown = [(item.id, item.name, item.color) for item in classes]
        if self.layer.metadata.get("classes") != shown:
            self.layer.metadata["classes"] = shown
            self.layer.colormap = label_colormap(classes)
            self.layer.features = label_features(classes)

    def propose(
        self, proposed: NDArray[np.uint8], *, overrule: bool = False, replace_last: bool = False
    ) -> None:
        """Write a proposal, (H, W) uint8 label ids, wherever no person drew, as one undo step.

        Parameters
        ----------
        proposed
            Label ids, (H, W) uint8.
        overrule
            Whether it also replaces what a person drew.
        replace_last
            Whether it takes the place of the proposal before, when that was the last step.
        """
        self._catch_up()
        self._show(self.provenance.propose(proposed, overrule=overrule, replace_last=replace_last))

    def edit(self, after: NDArray[np.uint8]) -> bool:
        """Replace the mask by a corrected one, (H, W) uint8, as one undo step of a person's.

        Returns
        -------
        bool
            Whether anything changed.
        """
        self._catch_up()
        box = self.provenance.draw(after)
        self._show(box)
        return box is not None

    def paint_selection(
        self, selection: NDArray[np.bool_], box: Box, label: int, *, replace_last: bool = False
    ) -> None:
        """Paint a selection, (h, w) bool inside a box of the mask, as one undo step of a person's.

        With `replace_last` it takes the place of the selection painted in the step before.
        """
        self._catch_up()
        self._show(self.provenance.select(selection, box, label, replace_last=replace_last))

    def undo(self) -> None:
        """Take back the last stroke, edit or proposal; not in the middle of a stroke."""
        if not self.is_being_drawn:
            self._catch_up()
            self._show(self.provenance.undo())

    def redo(self) -> None:
        """Do the last undone stroke, edit or proposal again."""
        if not self.is_being_drawn:
            self._catch_up()
            self._show(self.provenance.redo())

    def stop(self) -> None:
        """Follow the layer's changes no longer; what is half drawn in it is dropped."""
        self._drop_unfinished()
        self.layer.events.paint.disconnect(self._on_paint)
        self.layer.events.data.disconnect(self._on_data)
        self.layer.events.editable.disconnect(self._on_editable)
        self.layer.mouse_drag_callbacks.remove(self._on_drag)
        self.layer.bind_key(_UNDO, None)
        self.layer.bind_key(_REDO, None)

    def _drop_unfinished(self) -> None:
        """Let no corner of a polygon and no outline of this image wait in the layer."""
        polygon, outline = (self.layer._overlays.get(name) for name in ("polygon", "brush_stroke"))
        if outline is not None and outline.active:
            outline.abort(self.layer)
        if polygon is not None:
            polygon.points = []

    def _catch_up(self) -> None:
        """Count what changed without a word, such as by a script, as drawn by a person."""
        self.provenance.draw(self.mask)

    def _show(self, box: Box | None) -> None:
        """Show what the provenance changed in a box."""
        if box is not None:
            self.mask[box] = self.provenance.mask[box]
            self.layer.refresh()
            self._on_change()

    def _on_paint(self, event: Any) -> None:
        if len(event.value) == 1:
            _finish(event.value[0], self.mask)
        if self.provenance.draw(self.mask, _painted_box(event.value, self.mask.shape)):
            self._on_change()

    def _on_data(self, event: Any) -> None:
        """Keep painting into our own mask; napari's menu can replace it by one of another type."""
        data = np.asarray(self.layer.data)
        if data is self.mask:
            return
        if data.shape == self.mask.shape and self._is_editable:
            # Ids that no 8-bit mask holds become "ignore".
            self.mask[...] = np.clip(data, 0, IGNORE)
        self.layer.data = self.mask
        if self.provenance.draw(self.mask):
            self._on_change()

    def _on_editable(self, event: Any) -> None:
        """Stay as we were made: napari makes every new array editable."""
        if self.layer.editable and not self._is_editable:
            self.layer.editable = False

    def _on_drag(self, layer: Labels, event: Any) -> Iterator[None]:
        """Note how long a mouse button is down: napari ends a stroke when it goes up."""
        self._is_pressed = True
        try:
            yield
            while event.type == "mouse_move":
                yield
        finally:
            self._is_pressed = False

    def _on_undo_key(self, layer: Labels) -> None:
        """Undo the last stroke, edit or proposal."""
        self.undo()

    def _on_redo_key(self, layer: Labels) -> None:
        """Redo the last undone stroke, edit or proposal."""
        self.redo()


def _finish(atom: tuple[Any, ...], mask: NDArray[np.uint8]) -> None:
    """Write what napari is about to write: outside of strokes it tells of a change before it."""
    if len(atom) == 4:
        key, where, _, label = atom
        mask[key][slice(None) if where is None else where] = label
    else:
        key, _, labels = atom
        mask[key] = labels


def _painted_box(atoms: Iterable[tuple[Any, ...]], shape: tuple[int, ...]) -> Box | None:
    """Give the box around what napari painted: each atom starts with a slice or indices an axis."""
    box: Box | None = None
    for atom in atoms:
        rows, columns = (_span(key, length) for key, length in zip(atom[0], shape, strict=True))
        box = common_box(box, (rows, columns))
    return box


def _span(key: Any, length: int) -> slice:
    if isinstance(key, slice):
        return slice(*key.indices(length)[:2])
    return slice(int(np.min(key)), int(np.max(key)) + 1)
