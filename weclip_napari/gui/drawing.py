"""How the user draws: tool, brush size and class, kept from one image's layer to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from napari.layers import Labels

    from weclip_napari.gui.annotator import Annotator

BUSY = "The mask is being worked on; it can be drawn on again in a moment."
_KEPT = ("brush_size", "selected_label", "preserve_labels", "contiguous", "contour")
_EVENTS = ("mode", "brush_size", "selected_label", "editable")
_PAN = "pan_zoom"


class Drawing(QObject):
    """The drawing settings of the open image's mask layer.

    Parameters
    ----------
    annotator
        Whose open image is drawn on.

    Signals
    -------
    layer_changed()
        Another image's mask is drawn on, or none.
    changed()
        The tool, its size or its class changed, here or in napari's own controls.
    """

    layer_changed = Signal()
    changed = Signal()

    def __init__(self, annotator: Annotator) -> None:
        super().__init__(annotator)
        self._annotator = annotator
        self._layer: Labels | None = None
        self._mode = _PAN
        self._settings: dict[str, Any] = {}  # of the last layer
        annotator.image_opened.connect(lambda _: self._follow())
        self._follow()

    @property
    def layer(self) -> Labels | None:
        """The layer of the open image's mask."""
        return self._layer

    @property
    def mode(self) -> str:
        """Napari's name of the tool in use."""
        return str(self._layer.mode) if self._layer is not None else _PAN

    @property
    def brush_size(self) -> int:
        """Diameter of brush and eraser in pixels."""
        return int(self._layer.brush_size) if self._layer is not None else 0

    @property
    def label(self) -> int:
        """The label id that is painted."""
        return int(self._layer.selected_label) if self._layer is not None else 0

    def may_draw(self) -> bool:
        """Whether the open image can be drawn on; where not, the user is told why."""
        if self._layer is None:
            self._annotator.failed.emit("No image is open. Open a folder first.")
            return False
        if self._annotator.is_read_only:
            self._annotator.tell_read_only()
            return False
        if not self._layer.editable:
            self._annotator.noted.emit(BUSY)
            return False
        return True

    def take(self, mode: str) -> None:
        """Take a tool, by napari's name of it."""
        if mode == _PAN or self.may_draw():
            self._set(mode=mode)
        self.changed.emit()  # a button that was refused has to come up again

    def set_brush_size(self, size: int) -> None:
        """Set the diameter of brush and eraser in pixels."""
        self._set(brush_size=size)

    def set_label(self, label: int) -> None:
        """Paint with another label id from here on."""
        self._set(selected_label=label)

    def _set(self, **settings: Any) -> None:
        if self._layer is not None:
            for name, value in settings.items():
                setattr(self._layer, name, value)

    def _follow(self) -> None:
        mask = self._annotator.layers.mask
        old, new = self._layer, mask.layer if mask is not None else None
        if new is old:
            self.layer_changed.emit()
            return
        if old is not None:
            self._settings = {name: getattr(old, name) for name in _KEPT}
            for name in _EVENTS:
                getattr(old.events, name).disconnect(self._on_changed)
        self._layer = new
        if new is not None:
            self._carry_over(new)
            for name in _EVENTS:
                getattr(new.events, name).connect(self._on_changed)
        self.layer_changed.emit()
        self.changed.emit()

    def _carry_over(self, layer: Labels) -> None:
        """Draw on the next image as on the one before."""
        self._set(**self._settings)
        if layer.editable:
            layer.mode = self._mode

    def _on_changed(self, event: Any) -> None:
        layer = self._layer
        if layer is not None and layer.editable:
            if event.type == "editable":  # napari put the tool away meanwhile
                layer.mode = self._mode
            self._mode = str(layer.mode)
        self.changed.emit()
