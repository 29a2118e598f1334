"""The tools that correct a mask: drawing, affinity brush, edits of the whole mask, undo."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from weclip_napari.gui.affinity_brush import THRESHOLD, AffinityBrush
from weclip_napari.gui.buttons import button, drop_down, row_of
from weclip_napari.gui.drawing import Drawing
from weclip_napari.gui.live_slider import LiveSlider
from weclip_napari.gui.mask_tools import MaskTools
from weclip_napari.gui.tooltips import explain
from weclip_napari.session.masks import BACKGROUND, IGNORE

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.session.class_table import LabelClass

MODES = {
    "paint": "Brush",
    "erase": "Eraser",
    "fill": "Fill",
    "polygon": "Polygon",
    "pick": "Pick",
    "pan_zoom": "Move",
}
KINDS = {"attention": "CLIP's attention", "learned": "learned"}
LARGEST_BRUSH = 100  # on the slider; the field goes further
MIN_AREA, RADIUS = 200, 3


class ToolPanel(QWidget):
    """The tab "Correct".

    Parameters
    ----------
    annotator
        Whose open image is corrected.
    """

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self._classes: list[LabelClass] | None = None
        self.drawing = Drawing(annotator)
        self.brush = AffinityBrush(annotator, self.drawing)
        self.tools = MaskTools(annotator, self.drawing)
        layout = QVBoxLayout(self)
        layout.setSpacing(6)
        layout.addLayout(self._make_history())
        layout.addLayout(self._make_drawing())
        layout.addWidget(_line())
        layout.addLayout(self._make_affinity())
        layout.addWidget(_line())
        layout.addLayout(self._make_edits())
        layout.addStretch(1)
        self._connect()
        self._show_classes()
        self._show_drawing()
        self._show_history()

    def fill_holes(self) -> None:
        """Fill holes, as the button does."""
        self.tools.fill_holes()

    def remove_islands(self) -> None:
        """Remove islands of the size that is set here."""
        self.tools.remove_islands(self.min_area.value())

    def smooth(self) -> None:
        """Smooth by the radius that is set here."""
        self.tools.smooth(self.radius.value())

    def snap(self) -> None:
        """Snap to superpixels, as the button does."""
        self.tools.snap()

    def toggle_affinity_brush(self) -> None:
        """Take the affinity brush, or put it away."""
        self.brush.switch(not self.brush.is_on)

    def toggle_overrule(self) -> None:
        """Turn the switch that lets proposals overrule what a person drew."""
        self.overrule.toggle()

    def _make_history(self) -> QHBoxLayout:
        self.undo = button("Undo", "undo", self._annotator.undo)
        self.redo = button("Redo", "redo", self._annotator.redo)
        self.overrule = QCheckBox("Overrule my pixels")
        explain(self.overrule, "overrule")
        return row_of(self.undo, self.redo, self.overrule)

    def _make_drawing(self) -> QVBoxLayout:
        self.label = drop_down("paint_label")
        self.brush_slider = QSlider(Qt.Orientation.Horizontal)
        self.brush_slider.setRange(1, LARGEST_BRUSH)
        explain(self.brush_slider, "brush_slider")
        self.brush_size = _number("brush_size", 1, 999, 10, " px")
        layout = QVBoxLayout()
        layout.addLayout(_labelled("Paint", self.label))
        layout.addLayout(self._make_modes())
        layout.addLayout(_labelled("Size", self.brush_slider, self.brush_size))
        return layout

    def _make_modes(self) -> QGridLayout:
        self.modes: dict[str, QPushButton] = {}
        self.affinity_brush = button("Affinity brush", "affinity_brush", self.toggle_affinity_brush)
        grid = QGridLayout()
        grid.setSpacing(3)
        for number, (mode, text) in enumerate(MODES.items()):
            made = button(text, f"mode_{mode}", partial(self.drawing.take, mode))
            self.modes[mode] = made
            grid.addWidget(made, number // 4, number % 4)
        grid.addWidget(self.affinity_brush, 1, 2, 1, 2)
        for made in (*self.modes.values(), self.affinity_brush):
            made.setCheckable(True)
        return grid

    def _make_affinity(self) -> QVBoxLayout:
        self.threshold = LiveSlider(0.0, 1.0, THRESHOLD)
        explain(self.threshold, "selection_threshold")
        self.kind = drop_down("selection_kind")
        for kind, text in KINDS.items():
            self.kind.addItem(text, kind)
        self.connected = QCheckBox("connected")
        self.connected.setChecked(True)
        explain(self.connected, "selection_connected")
        layout = QVBoxLayout()
        layout.addLayout(_labelled("Affinity", self.kind, self.connected))
        layout.addLayout(_labelled("more", self.threshold, QLabel("less")))
        return layout

    def _make_edits(self) -> QVBoxLayout:
        self.scope = drop_down("edit_scope")
        self.scope.addItems(["the painted class", "all classes"])
        self.min_area = _number("island_area", 2, 1_000_000, MIN_AREA, " px")
        self.radius = _number("smooth_radius", 1, 50, RADIUS, " px")
        self.working = QLabel("working …")
        self.working.hide()
        grid = QGridLayout()
        grid.setSpacing(3)
        grid.addWidget(button("Fill holes", "fill_holes", self.fill_holes), 0, 0)
        grid.addWidget(button("Snap to edges", "snap", self.snap), 0, 1)
        grid.addWidget(button("Remove islands", "remove_islands", self.remove_islands), 1, 0)
        grid.addWidget(self.min_area, 1, 1)
        grid.addWidget(button("Smooth", "smooth", self.smooth), 2, 0)
        grid.addWidget(self.radius, 2, 1)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        layout = QVBoxLayout()
        layout.addLayout(_labelled("Tidy up", self.scope, self.working))
        layout.addLayout(grid)
        return layout

    def _connect(self) -> None:
        annotator, drawing = self._annotator, self.drawing
        self.label.activated.connect(lambda _: drawing.set_label(self.label.currentData()))
        self.brush_slider.valueChanged.connect(drawing.set_brush_size)
        self.brush_size.valueChanged.connect(drawing.set_brush_size)
        self.threshold.changed.connect(self.brush.set_threshold)
        self.kind.activated.connect(lambda _: self.brush.set_kind(self.kind.currentData()))
        self.connected.toggled.connect(self.brush.set_connected)
        self.scope.activated.connect(self._choose_scope)
        self.overrule.toggled.connect(self._set_overrule)
        self.brush.toggled.connect(lambda _: self._show_drawing())
        self.tools.jobs.busy_changed.connect(self.working.setVisible)
        drawing.changed.connect(self._show_drawing)
        drawing.layer_changed.connect(self._show_history)
        annotator.overrule_changed.connect(self.overrule.setChecked)
        annotator.mask_changed.connect(self._show_history)
        for changed in (annotator.folder_opened, annotator.classes_changed):
            changed.connect(self._show_classes)
        annotator.proposal_shown.connect(lambda _: self._show_classes())

    def _choose_scope(self, index: int) -> None:
        self.tools.is_for_all = index == 1

    def _set_overrule(self, is_on: bool) -> None:
        self.overrule.setStyleSheet("color: orange; font-weight: bold" if is_on else "")
        self._annotator.set_overrule(is_on)

    def _show_classes(self) -> None:
        """List the classes to paint with, and what is none."""
        workspace = self._annotator.workspace
        classes = list(workspace.store.classes) if workspace else []
        if classes == self._classes:
            return
        self._classes = classes
        self.label.clear()
        for each in classes:
            self.label.addItem(_swatch(QColor(*each.color)), each.name, each.id)
        self.label.addItem(_swatch(QColor(0, 0, 0, 0)), "background", BACKGROUND)
        self.label.addItem(_swatch(QColor(255, 255, 255)), "ignore (don't know)", IGNORE)
        self._show_drawing()

    def _show_drawing(self) -> None:
        """Show what napari's own controls say, too."""
        drawing, is_affinity = self.drawing, self.brush.is_on
        self.affinity_brush.setChecked(is_affinity)
        for mode, made in self.modes.items():
            made.setChecked(mode == drawing.mode and not is_affinity)
        self.label.setCurrentIndex(self.label.findData(drawing.label))
        for field in (self.brush_size, self.brush_slider):
            field.blockSignals(True)
            field.setValue(drawing.brush_size)
            field.blockSignals(False)

    def _show_history(self) -> None:
        mask = self._annotator.layers.mask
        self.undo.setEnabled(mask is not None and mask.can_undo)
        self.redo.setEnabled(mask is not None and mask.can_redo)


def _number(name: str, low: int, high: int, value: int, unit: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(low, high)
    made.setValue(value)
    made.setSuffix(unit)
    explain(made, name)
    return made


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    return line


def _labelled(text: str, *widgets: QWidget) -> QHBoxLayout:
    layout = row_of(QLabel(text), *widgets)
    layout.setStretch(1, 1)
    return layout


def _swatch(color: QColor) -> QIcon:
    pixmap = QPixmap(12, 12)
    pixmap.fill(color)
    return QIcon(pixmap)
