"""What to show of a folder: search, states, order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QToolButton, QWidget

from weclip_napari.gui.buttons import Field, drop_down
from weclip_napari.gui.image_filter import Show, Sort, Wanted
from weclip_napari.gui.state_style import PROBLEM_COLOR, STATE_COLORS, STATE_NAMES
from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOW_TEXTS = {
    Show.ALL: "all",
    Show.UNREVIEWED: "to review",
    **{Show(state.value): text for state, text in STATE_NAMES.items()},
    Show.PROBLEMS: "problems",
}
SORT_TEXTS = {
    Sort.NAME: "name",
    Sort.STATE: "state",
    Sort.UNCERTAINTY: "uncertainty",
    Sort.DISAGREEMENT: "disagreement",
    Sort.TAGS_WITHOUT_EVIDENCE: "tags without evidence",
    Sort.EVIDENCE_WITHOUT_TAG: "evidence without a tag",
}
_COLORS = {Show(state.value): color for state, color in STATE_COLORS.items()}
_COLORS[Show.PROBLEMS] = PROBLEM_COLOR


class FilterBar(QWidget):
    """A line of controls over the table of images.

    Signals
    -------
    changed()
        The user wants to see something, maybe the same as before.
    submitted()
        Enter was pressed in the search.
    """

    changed = Signal()
    submitted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = Field()
        self.search.setPlaceholderText("Name, tag:dog")
        self.search.setClearButtonEnabled(True)
        self.search.setAcceptDrops(False)  # a dropped folder is to be opened
        explain(self.search, "search")
        self.show_choice = _choice("show", SHOW_TEXTS, 104)
        for place, show in enumerate(SHOW_TEXTS):
            if show in _COLORS:
                self.show_choice.setItemIcon(place, _dot(_COLORS[show]))
        self.sort_choice = _choice("sort", SORT_TEXTS, 126)
        self.reverse = QToolButton()
        self.reverse.setCheckable(True)
        explain(self.reverse, "reverse")
        self._lay_out()
        self._connect()

    @property
    def wanted(self) -> Wanted:
        """What the user wants to see."""
        return Wanted(
            self.show_choice.currentData(),
            self.search.text(),
            self.sort_choice.currentData(),
            self.reverse.isChecked(),
        )

    def show_all(self) -> None:
        """Hide no image; the order stays."""
        with QSignalBlocker(self.search):
            self.search.clear()
        self.show_choice.setCurrentIndex(0)

    def show_problems(self, count: int) -> None:
        """Say how many images have a problem."""
        place = self.show_choice.findData(Show.PROBLEMS)
        text = SHOW_TEXTS[Show.PROBLEMS]
        self.show_choice.setItemText(place, f"{text} · {count:,}" if count else text)

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.search, 1)
        layout.addWidget(self.show_choice)
        layout.addWidget(self.sort_choice)
        layout.addWidget(self.reverse)
        self._show_direction(False)

    def _connect(self) -> None:
        self.search.textChanged.connect(lambda _: self.changed.emit())
        self.search.returnPressed.connect(self._submit)
        self.reverse.toggled.connect(self._show_direction)
        self.reverse.toggled.connect(lambda _: self.changed.emit())
        for choice in (self.show_choice, self.sort_choice):
            choice.activated.connect(lambda _: self.changed.emit())
            choice.activated.connect(lambda _, choice=choice: choice.clearFocus())

    def _submit(self) -> None:
        self.search.clearFocus()  # so that the keys of the picture work again
        self.submitted.emit()

    def _show_direction(self, is_reversed: bool) -> None:
        self.reverse.setArrowType(Qt.ArrowType.UpArrow if is_reversed else Qt.ArrowType.DownArrow)


def _choice(name: str, texts: Mapping[Show, str] | Mapping[Sort, str], width: int) -> QComboBox:
    choice = drop_down(name)
    for value, text in texts.items():
        choice.addItem(text, value)
    choice.setFixedWidth(width)
    choice.view().setMinimumWidth(170)  # the popup shows the whole texts
    choice.setMaxVisibleItems(len(texts))
    return choice


def _dot(color: str) -> QIcon:
    picture = QPixmap(12, 12)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(color))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(2, 2, 8, 8)
    painter.end()
    return QIcon(picture)
