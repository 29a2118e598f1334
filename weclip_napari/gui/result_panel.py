"""What was proposed for each tag, and what to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator, TagResult
    from weclip_napari.gui.layers import View

VIEWS: dict[View, str] = {
    "mask": "Mask",
    "cam": "CAM",
    "refined": "Refined",
    "affinity": "Affinity",
    "all": "All",
}
AFFINITIES = {"attention": "Affinity: CLIP's attention", "learned": "Affinity: learned"}
SOURCES = {"cam": "CAM", "decoder": "decoder"}


class ResultPanel(QWidget):
    """The table of tags and the buttons that choose what lies over the image."""

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self._results: list[TagResult] = []
        self.table = _make_table()
        self.views = QButtonGroup(self)
        self.affinity = QComboBox()
        explain(self.affinity, "affinity_kind")
        for kind, text in AFFINITIES.items():
            self.affinity.addItem(text, kind)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(self._make_view_buttons())
        layout.addWidget(self.affinity)
        self.table.currentCellChanged.connect(lambda *_: self._choose_tag())
        self.affinity.currentIndexChanged.connect(lambda _: self._choose_affinity())
        annotator.proposal_shown.connect(self._show_results)

    @property
    def view(self) -> View:
        """What lies over the image."""
        return list(VIEWS)[self.views.checkedId()]

    def next_view(self) -> None:
        """Go on to the next thing to look at."""
        self.views.button((self.views.checkedId() + 1) % len(VIEWS)).click()

    def show_view(self, view: View) -> None:
        """Choose what lies over the image."""
        self.views.button(list(VIEWS).index(view)).click()

    def _make_view_buttons(self) -> QHBoxLayout:
        layout = QHBoxLayout()
        layout.setSpacing(2)
        for number, (view, text) in enumerate(VIEWS.items()):
            button = QPushButton(text)
            explain(button, f"view_{view}")
            button.setCheckable(True)
            button.setChecked(view == "mask")
            self.views.addButton(button, number)
            layout.addWidget(button, 1)
        self.views.idClicked.connect(lambda _: self._show_view())
        return layout

    def _show_results(self, results: list[TagResult]) -> None:
        self._results = results
        self.table.blockSignals(True)  # the layers already show what was asked for
        self.table.setRowCount(len(results))
        for row, result in enumerate(results):
            for column, item in enumerate(_cells(result)):
                self.table.setItem(row, column, item)
        for row, result in enumerate(results):
            if result.tag == self._annotator.layers.tag:
                self.table.selectRow(row)
        self.table.blockSignals(False)

    def _choose_tag(self) -> None:
        row = self.table.currentRow()
        if 0 <= row < len(self._results):
            self._annotator.choose_tag(self._results[row])
            self._show_view()

    def _show_view(self) -> None:
        self._annotator.show_view(self.view)

    def _choose_affinity(self) -> None:
        self._annotator.affinity_kind = self.affinity.currentData()
        self._show_view()


def _make_table() -> QTableWidget:
    table = QTableWidget(0, 4)
    explain(table, "results")
    table.setHorizontalHeaderLabels(["Tag", "CLIP", "Area", "From"])
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setShowGrid(False)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it would take our keys to search for names
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(24)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    table.setMinimumHeight(110)
    return table


def _cells(result: TagResult) -> list[QTableWidgetItem]:
    swatch = QPixmap(12, 12)
    swatch.fill(QColor(*result.label_class.color))
    numbers = [f"{result.score:.1%}", f"{result.share:.1%}", SOURCES[result.branch]]
    items = [QTableWidgetItem(QIcon(swatch), result.label_class.name)]
    items += [QTableWidgetItem(text) for text in numbers]
    for item in items[1:3]:
        item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return items
