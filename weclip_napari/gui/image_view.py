"""The view of the table of images: rows with thumbnails, and a hint where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QItemSelectionModel, QPoint, QRect, Qt
from qtpy.QtGui import QPainter, QPalette
from qtpy.QtWidgets import QHeaderView, QTableView

from weclip_napari.gui.image_delegate import ROW_HEIGHT, ImageDelegate
from weclip_napari.gui.image_filter import Sort
from weclip_napari.gui.image_table import IMAGE, MEASURE, STATE, ImageTable
from weclip_napari.gui.table_style import style_table

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent, QResizeEvent
    from qtpy.QtWidgets import QWidget

_WIDTHS = {STATE: 82, MEASURE: 72}
_SHORTEST = 3


class ImageView(QTableView):
    """Shows an `ImageTable` and marks the open image in it.

    Attributes
    ----------
    hint
        What to say where there is no image.
    """

    def __init__(self, table: ImageTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hint = ""
        self._table = table
        self.setModel(table)
        style_table(self, "images", ROW_HEIGHT)
        self.setItemDelegateForColumn(IMAGE, ImageDelegate(self))
        header = self.horizontalHeader()
        header.hide()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(IMAGE, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            header.resizeSection(column, width)
        self.setAutoScroll(False)  # the list stays where the user scrolled it
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(_SHORTEST * ROW_HEIGHT)
        self.show_measure()

    def show_measure(self) -> None:
        """Show the measure that the images are ordered by, if any."""
        self.setColumnHidden(MEASURE, self._table.wanted.sort in (Sort.NAME, Sort.STATE))

    def mark(self, row: int, *, scroll: bool = True) -> None:
        """Mark a row of the folder as the open image."""
        line = self._table.line_of(row)
        if line is None:
            self.clearSelection()
            return
        index = self._table.index(line, IMAGE)
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        if scroll:
            self.scrollTo(index)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the open image in sight when a message below takes room."""
        current = self.currentIndex()
        was_seen = self.visualRect(current).intersects(QRect(QPoint(), event.oldSize()))
        super().resizeEvent(event)
        if was_seen:
            self.scrollTo(current)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows, or the hint."""
        super().paintEvent(event)
        if self.hint and not self._table.order:
            painter = QPainter(self.viewport())
            color = self.palette().color(QPalette.ColorRole.Text)
            color.setAlphaF(0.6)
            painter.setPen(color)
            place = self.viewport().rect().adjusted(16, 8, -16, -8)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(place, flags, self.hint)
            painter.end()
