"""A table of what a retraining brought, class by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from weclip_napari.gui.state_style import PROBLEM_COLOR, STATE_COLORS
from weclip_napari.gui.table_style import style_table
from weclip_napari.session.states import State

if TYPE_CHECKING:
    from weclip_napari.gui.retrain_outlook import RunResult

HEADERS = ("Class", "Before", "After", "Change")
_WIDTH, _ROW_HEIGHT, _MOST_ROWS = 54, 22, 9
_MEAN = "mean IoU %"
_NOTICEABLE = 0.05
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ComparisonTable(QTableWidget):
    """IoU in percent before and after, the mean first, classes without any score last."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(HEADERS), parent)
        self.setHorizontalHeaderLabels(HEADERS)
        style_table(self, "comparison", _ROW_HEIGHT)
        self.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, len(HEADERS)):
            header.resizeSection(column, _WIDTH)

    def show_result(self, result: RunResult) -> None:
        """Show what a run brought."""
        names = dict.fromkeys((*result.before, *result.after))
        scored = [(name, result.before.get(name), result.after.get(name)) for name in names]
        scored.sort(key=lambda row: row[1] is None and row[2] is None)
        rows = [(_MEAN, result.mean_before, result.mean_after), *scored]
        self.setRowCount(len(rows))
        for number, (name, before, after) in enumerate(rows):
            self._fill(number, name, before, after)
        height = self.horizontalHeader().sizeHint().height() + 2 * self.frameWidth()
        self.setFixedHeight(height + min(len(rows), _MOST_ROWS) * _ROW_HEIGHT)

    def _fill(self, row: int, name: str, before: float | None, after: float | None) -> None:
        change = None if before is None or after is None else after - before
        texts = (name, _number(before), _number(after), _number(change, "+"))
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            font = item.font()
            font.setBold(row == 0)
            item.setFont(font)
            if column:
                item.setTextAlignment(_RIGHT)
            self.setItem(row, column, item)
        if change is not None and abs(change) >= _NOTICEABLE:
            color = STATE_COLORS[State.ACCEPTED] if change > 0 else PROBLEM_COLOR
            self.item(row, len(HEADERS) - 1).setForeground(QColor(color))


def _number(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.1f}"
