"""The affinity brush: click or scribble, and what belongs with the patches there is painted."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from weclip_napari.core.affinity_selection import affinity_selection
from weclip_napari.errors import UserError
from weclip_napari.gui.scribble import Scribble, pixels_between
from weclip_napari.gui.selection_preview import SelectionPreview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels

    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.gui.drawing import Drawing
    from weclip_napari.gui.engine import AffinityKind

THRESHOLD = 0.4
_LEFT = 1
_NOT_READY = "The model is still at work on this image; the affinity brush can paint in a moment."
_NOTHING = "Nothing belongs that strongly with what you touched. Move the slider to the left."


class AffinityBrush(QObject):
    """A tool on the mask layer, in place of napari's own while it is on.

    Parameters
    ----------
    annotator
        Whose open image is painted.
    drawing
        The class that is painted, and the tool it replaces.

    Signals
    -------
    toggled(bool)
        It was switched on or off.
    """

    toggled = Signal(bool)

    def __init__(self, annotator: Annotator, drawing: Drawing) -> None:
        super().__init__(annotator)
        self.kind: AffinityKind = "attention"
        self._annotator = annotator
        self._drawing = drawing
        self._is_on = False
        self._is_scribbling = False
        self._is_connected = True
        self._threshold = THRESHOLD
        self._layer: Labels | None = None
        self.preview = SelectionPreview()
        self._scribble: Scribble | None = None
        self._hovered: Scribble | None = None  # what the preview shows without a button down
        self._painted: tuple[int, int] | None = None  # revision and label of the last selection
        drawing.layer_changed.connect(self._on_layer_changed)

    @property
    def is_on(self) -> bool:
        """Whether it is the tool in use."""
        return self._is_on

    def switch(self, is_on: bool) -> None:
        """Take the brush, or put it away."""
        if is_on and not self._drawing.may_draw():
            is_on = False
        if is_on and not self._is_on:
            self._drawing.take("pan_zoom")
            self._attach()
        elif self._is_on and not is_on:
            self._detach()
        self._is_on = is_on
        self.toggled.emit(is_on)

    def set_threshold(self, threshold: float) -> None:
        """Select what is above another threshold, in [0, 1]; right after painting, paint again."""
        self._threshold = threshold
        self._paint_again()

    def set_connected(self, is_connected: bool) -> None:
        """Select only what is connected with the patches that were touched, or everything."""
        self._is_connected = is_connected
        self._paint_again()

    def set_kind(self, kind: AffinityKind) -> None:
        """Use the affinity of CLIP's attention, or the learned one, from here on."""
        self.kind = kind

    def _attach(self) -> None:
        self._layer = self._drawing.layer
        if self._layer is None:
            return
        self._layer.mouse_pan = False  # a drag scribbles
        self._layer.cursor = "cross"
        self._layer.mouse_drag_callbacks.append(self._on_drag)
        self._layer.mouse_move_callbacks.append(self._on_move)
        self._layer.events.mode.connect(self._on_mode)
        self._annotator.layers.show_selection(self.preview.layer)

    def _detach(self) -> None:
        layer, self._layer = self._layer, None
        self._scribble = self._painted = None
        self._hide_preview()
        if layer is None:
            return
        layer.events.mode.disconnect(self._on_mode)
        layer.mouse_drag_callbacks.remove(self._on_drag)
        layer.mouse_move_callbacks.remove(self._on_move)
        if layer.mode == "pan_zoom":
            layer.mouse_pan, layer.cursor = True, "standard"

    def _on_layer_changed(self) -> None:
        """Stay the tool in use on the next image, if that can be painted."""
        if self._is_on:
            self._detach()
            if self._drawing.layer is not None and self._drawing.layer.editable:
                self._attach()
            else:
                self.switch(False)

    def _on_mode(self, event: Any) -> None:
        """Give way to a tool of napari's that was taken meanwhile."""
        self.switch(False)

    def _on_move(self, layer: Labels, event: Any) -> None:
        """Show what a click would paint."""
        position = self._pixel(event)
        if self._is_scribbling:
            return
        if position is None:
            self._hide_preview()
        elif self._hovered is None or not self._hovered.holds(*position):
            self._hover(position)

    def _hover(self, position: tuple[int, int]) -> None:
        self._hovered = Scribble(self._drawing_size())
        with contextlib.suppress(UserError):  # a click will tell
            if self._touch(self._hovered, *position):
                self._show_preview(self._hovered)
                return
        self._hide_preview()

    def _on_drag(self, layer: Labels, event: Any) -> Iterator[None]:
        position = self._pixel(event)
        if event.button != _LEFT or position is None or not self._drawing.may_draw():
            return
        self._scribble, self._painted = Scribble(self._drawing_size()), None
        self._is_scribbling = True
        self._scribble_to(position, position)
        yield
        while event.type == "mouse_move":
            last, position = position, self._pixel(event) or position
            self._scribble_to(last, position)
            yield
        self._is_scribbling = False
        self._hide_preview()
        self._paint(self._drawing.label)

    def _scribble_to(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Touch every patch on the way to a pixel."""
        scribble = self._scribble
        if scribble is None:  # the image was left meanwhile, or there is no such affinity
            return
        try:
            touched = [self._touch(scribble, y, x) for y, x in pixels_between(start, end)]
        except UserError as error:  # such as: nothing was learned without a decoder
            self._scribble = None
            self._annotator.failed.emit(str(error))
            return
        if any(touched):
            self._show_preview(scribble)

    def _touch(self, scribble: Scribble, y: int, x: int) -> bool:
        """Add the patch at a pixel; False when it was there or the model has no row for it."""
        image = self._annotator.current
        if image is None or scribble.holds(y, x):
            return False
        row = self._annotator.engine.affinity(image.digest, y, x, self.kind)
        if row is not None:
            scribble.add(y, x, row)
        return row is not None

    def _show_preview(self, scribble: Scribble) -> None:
        layer = self._layer
        if layer is None:
            return
        affinity = scribble.selected(self._threshold, is_connected=self._is_connected)
        color = layer.colormap.map(layer.selected_label)
        seen = color[:3] if color[3] else (1.0, 1.0, 1.0)  # background has no colour
        self.preview.show(affinity, scribble.size, self._threshold, [float(c) for c in seen])

    def _hide_preview(self) -> None:
        self._hovered = None
        self.preview.hide()

    def _paint_again(self) -> None:
        """Paint the last selection with other settings, as long as nothing else was done."""
        mask = self._annotator.layers.mask
        if self._painted is None or mask is None or not self._drawing.may_draw():
            return
        revision, label = self._painted
        if mask.provenance.revision == revision:
            self._paint(label, replace_last=True)

    def _paint(self, label: int, *, replace_last: bool = False) -> None:
        mask, scribble = self._annotator.layers.mask, self._scribble
        if mask is None or scribble is None:
            return
        if scribble.affinity is None:
            self._annotator.noted.emit(_NOT_READY)
            return
        affinity = scribble.selected(self._threshold, is_connected=self._is_connected)
        selection, box = affinity_selection(affinity, scribble.size, self._threshold)
        mask.paint_selection(selection, box, label, replace_last=replace_last)
        self._painted = mask.provenance.revision, label
        if not selection.any():
            self._annotator.noted.emit(_NOTHING)

    def _drawing_size(self) -> tuple[int, int]:
        mask = self._annotator.layers.mask
        height, width = mask.mask.shape if mask is not None else (0, 0)
        return height, width

    def _pixel(self, event: Any) -> tuple[int, int] | None:
        """Give the pixel under the mouse, (y, x), if there is one."""
        if self._layer is None:
            return None
        y, x = (round(float(c)) for c in self._layer.world_to_data(event.position)[-2:])
        height, width = self._drawing_size()
        return (y, x) if 0 <= y < height and 0 <= x < width else None
