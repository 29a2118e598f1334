"""What was proposed for each tag, how sure it has to be, and what to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from weclip_napari.gui.buttons import drop_down
from weclip_napari.gui.live_slider import LiveSlider
from weclip_napari.gui.numbers import percent
from weclip_napari.gui.table_style import style_table
from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.gui.layers import View
    from weclip_napari.gui.tag_result import TagResult
    from weclip_napari.session.class_table import Color

VIEWS: dict[View, str] = {
    "mask": "Mask",
    "cam": "CAM",
    "refined": "Refined",
    "affinity": "Affinity",
    "uncertainty": "Uncertainty",
    "all": "All",
}
AFFINITIES = {"attention": "Affinity: CLIP's attention", "learned": "Affinity: learned"}
SOURCES = {"cam": "CAM", "decoder": "decoder", "both": "both"}
HEADINGS = ("Tag", "CLIP", "Area", "From", "Threshold")
THRESHOLD = HEADINGS.index("Threshold")
ROW_HEIGHT = 24
SMALL = "font-size: 9pt"
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ThresholdCell(QWidget):
    """A slider for a threshold, in [0, 1], and its number."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider, self.number = LiveSlider(0, 1, 0), QLabel()
        explain(self.slider, "threshold")
        self.setStyleSheet("ThresholdCell, QLabel { background: transparent; font-size: 9pt; }")
        self.number.setFixedWidth(34)
        self.number.setAlignment(_RIGHT)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(2)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.number)
        self.slider.valueChanged.connect(lambda _: self._show_number())
        self._show_number()

    def _show_number(self) -> None:
        self.number.setText(f"{self.slider.number:.2f}")


class ResultPanel(QWidget):
    """The table of tags and the buttons that choose what lies over the image.

    Signals
    -------
    tag_chosen(str)
        A tag is the one being looked at.
    """

    tag_chosen = Signal(str)

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self._results: list[TagResult] = []
        self.table = _make_table()
        self.views = QButtonGroup(self)
        self.affinity = drop_down("affinity_kind")
        for kind, text in AFFINITIES.items():
            self.affinity.addItem(text, kind)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.table)
        layout.addLayout(self._make_view_buttons())
        layout.addWidget(self.affinity)
        self.affinity.hide()
        self.table.currentCellChanged.connect(lambda *_: self._choose_row())
        self.affinity.currentIndexChanged.connect(lambda _: self._choose_affinity())
        annotator.proposal_shown.connect(self._show_results)
        annotator.classes_changed.connect(self._show_thresholds)
        annotator.view_changed.connect(self._follow_view)

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

    def choose(self, tag: str) -> None:
        """Look at a tag, if there is a proposal for it."""
        for row, result in enumerate(self._results):
            if result.tag == tag:
                self.table.setCurrentCell(row, 0)

    def threshold(self, tag: str) -> LiveSlider:
        """Give the slider of a tag that is in the table."""
        row = [result.tag for result in self._results].index(tag)
        return self.table.cellWidget(row, THRESHOLD).slider

    def _make_view_buttons(self) -> QHBoxLayout:
        layout = QHBoxLayout()
        layout.setSpacing(2)
        for number, (view, text) in enumerate(VIEWS.items()):
            button = QPushButton(text)
            explain(button, f"view_{view}")
            button.setCheckable(True)
            button.setStyleSheet(f"{SMALL}; padding: 3px 2px")
            button.setChecked(view == "mask")
            self.views.addButton(button, number)
            layout.addWidget(button, len(text))
        self.views.idClicked.connect(lambda _: self._show_view())
        return layout

    def _show_results(self, results: list[TagResult]) -> None:
        """Show other numbers; a slider that may be held by the user stays where it is."""
        has_other_tags = [result.tag for result in results] != [x.tag for x in self._results]
        self._results = results
        self.table.blockSignals(True)  # the layers already show what was asked for
        if has_other_tags:
            self._make_rows()
        for row, result in enumerate(results):
            self._fill(row, result)
        self._show_chosen()
        self.table.blockSignals(False)
        self._show_thresholds()

    def _make_rows(self) -> None:
        self.table.setRowCount(0)
        self.table.setRowCount(len(self._results))
        for row, result in enumerate(self._results):
            for column in range(THRESHOLD):
                item = QTableWidgetItem()
                if 0 < column < THRESHOLD - 1:
                    item.setTextAlignment(_RIGHT)
                self.table.setItem(row, column, item)
            self.table.setCellWidget(row, THRESHOLD, self._make_threshold(result.tag))

    def _make_threshold(self, tag: str) -> ThresholdCell:
        cell = ThresholdCell()
        set_threshold = self._annotator.set_threshold
        cell.slider.changed.connect(lambda value: set_threshold(tag, round(value, 2)))
        return cell

    def _fill(self, row: int, result: TagResult) -> None:
        label_class = result.label_class
        shares = (percent(result.score), percent(result.share))
        texts = (label_class.name, *shares, SOURCES[result.branch])
        for column, text in enumerate(texts):
            self.table.item(row, column).setText(text)
        self.table.item(row, 0).setIcon(_swatch(label_class.color))
        self.table.item(row, 0).setToolTip(label_class.name)
        self.table.item(row, THRESHOLD - 1).setToolTip(self._why(result))

    def _why(self, result: TagResult) -> str:
        """Say why a mask comes from its branch."""
        info = self._annotator.engine.info
        if result.branch == "cam" and info is not None and info.classes:
            known = {name.casefold() for name in info.classes}
            if result.tag.casefold() not in known:
                return f"The decoder does not know '{result.tag}'; its mask comes from the CAM."
        return f"The mask comes from {_SPELLED_OUT[result.branch]}."

    def _show_chosen(self) -> None:
        for row, result in enumerate(self._results):
            if result.tag == self._annotator.layers.tag:
                self.table.selectRow(row)
                self.tag_chosen.emit(result.tag)

    def _show_thresholds(self) -> None:
        workspace = self._annotator.workspace
        for result in self._results:
            found = workspace.store.classes.find(result.tag) if workspace else None
            if found is not None:
                self.threshold(result.tag).show_number(found.threshold)
            self.threshold(result.tag).setEnabled(not self._annotator.is_read_only)

    def _choose_row(self) -> None:
        row = self.table.currentRow()
        if 0 <= row < len(self._results):
            self._annotator.choose_tag(self._results[row])
            self._show_view()
            self.tag_chosen.emit(self._results[row].tag)

    def _show_view(self) -> None:
        self._annotator.show_view(self.view)

    def _follow_view(self) -> None:
        """Mark what lies over the image, whoever asked for it."""
        view = self._annotator.view
        self.views.button(list(VIEWS).index(view)).setChecked(True)
        self.affinity.setVisible(view == "affinity")

    def _choose_affinity(self) -> None:
        self._annotator.affinity_kind = self.affinity.currentData()
        self._show_view()


_SPELLED_OUT = {
    "cam": "the CAM",
    "decoder": "the decoder",
    "both": "both, the mean of decoder and CAM",
}


def _make_table() -> QTableWidget:
    table = QTableWidget(0, len(HEADINGS))
    style_table(table, "results", ROW_HEIGHT)
    table.setHorizontalHeaderLabels(list(HEADINGS))
    header = table.horizontalHeader()
    header.setMinimumSectionSize(30)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(THRESHOLD, QHeaderView.ResizeMode.Fixed)
    header.resizeSection(THRESHOLD, 110)
    header.setStyleSheet(SMALL)
    table.setStyleSheet(f"QTableView {{ {SMALL} }}")
    table.setMinimumHeight(ROW_HEIGHT * 5 + 4)
    table.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
    return table


def _swatch(color: Color) -> QIcon:
    """Draw a dot in the colour of a class."""
    picture = QPixmap(12, 12)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*color))
    painter.drawEllipse(1, 1, 10, 10)
    painter.end()
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)  # the same in the chosen row, not tinted
    return icon
