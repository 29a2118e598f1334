"""The classes of a folder as a Qt table: colour, name, prompt words, key, threshold."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtCore import QObject

    from weclip_napari.session.class_table import LabelClass

COLOR, NAME, WORDS, KEY, THRESHOLD = range(5)
HEADERS = ("", "Class", "Prompt words", "Key", "Min.")
HINTS = (
    "Click a colour to choose another.",
    "Double-click a name to rename the class; saved files follow.",
    "Words for the prompt in place of the name, such as: person with clothes,people,human. "
    "Double-click to change them.",
    "Alt and this number choose the class to paint with.",
    "The threshold: pixels whose probability is below it become background. Click it; arrow keys "
    "and the wheel go in steps.",
)
NO_WORDS = "as named"
NOTHING = "–"
FAINT = QColor(144, 150, 160)
SWATCH = 14
_VERTICAL = Qt.AlignmentFlag.AlignVCenter
_ALIGNMENTS = {
    KEY: Qt.AlignmentFlag.AlignCenter,
    THRESHOLD: Qt.AlignmentFlag.AlignRight | _VERTICAL,
}


class ClassModel(QAbstractTableModel):
    """A view of a class table; changes are asked for by signals and come back by `show_classes`.

    Signals
    -------
    renamed(int, str)
        A class, by its label id, is to get another name.
    changed(object)
        A `LabelClass` is to take the place of the one with its label id.
    """

    renamed = Signal(int, str)
    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.is_read_only = False
        self._classes: list[LabelClass] = []

    def show_classes(self, classes: Iterable[LabelClass]) -> None:
        """Show classes as they are now; an editor stays open where the rows stay the same."""
        new = list(classes)
        if [item.id for item in new] == [item.id for item in self._classes]:
            old, self._classes = self._classes, new
            for row in [row for row, item in enumerate(new) if item != old[row]]:
                self.dataChanged.emit(self.index(row, COLOR), self.index(row, THRESHOLD))
            return
        self.beginResetModel()
        self._classes = new
        self.endResetModel()

    def at(self, row: int) -> LabelClass | None:
        """Give the class in a row."""
        return self._classes[row] if 0 <= row < len(self._classes) else None

    def row_of(self, label_id: int) -> int | None:
        """Find the row of a class by its label id."""
        rows = (row for row, item in enumerate(self._classes) if item.id == label_id)
        return next(rows, None)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count the classes."""
        return 0 if parent is not None and parent.isValid() else len(self._classes)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Count the columns."""
        return 0 if parent is not None and parent.isValid() else len(HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Name and explain the columns."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"<p>{HINTS[section]}</p>"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _ALIGNMENTS.get(section, Qt.AlignmentFlag.AlignLeft | _VERTICAL)
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Let everything be edited where the folder can be written."""
        flags = super().flags(index)
        if self.is_read_only or index.column() == COLOR:
            return flags
        return flags | Qt.ItemFlag.ItemIsEditable

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Show a class."""
        label_class = self.at(index.row())
        if label_class is None:
            return None
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return _shown(label_class, column)
        if role == Qt.ItemDataRole.DecorationRole and column == COLOR:
            return swatch(label_class)
        if role == Qt.ItemDataRole.EditRole:
            return _value(label_class, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _ALIGNMENTS.get(column, Qt.AlignmentFlag.AlignLeft | _VERTICAL)
        if role == Qt.ItemDataRole.ForegroundRole and _is_usual(label_class, column):
            return FAINT
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"<p>{_told(label_class)}</p>"
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for a change; the table itself follows when it was made."""
        label_class = self.at(index.row())
        if label_class is None or role != Qt.ItemDataRole.EditRole:
            return False
        if index.column() == NAME:
            if str(value).strip() != label_class.name:
                self.renamed.emit(label_class.id, str(value))
            return True
        wanted = _with_value(label_class, index.column(), value)
        if wanted != label_class:
            self.changed.emit(wanted)
        return True


def swatch(label_class: LabelClass) -> QIcon:
    """Draw the colour of a class as a small square, the same in a selected row."""
    picture = QPixmap(SWATCH, SWATCH)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*label_class.color))
    painter.drawRoundedRect(0, 0, SWATCH, SWATCH, 3, 3)
    painter.end()
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)
    return icon


def _value(label_class: LabelClass, column: int) -> str | float:
    values: dict[int, str | float] = {
        NAME: label_class.name,
        WORDS: label_class.synonyms,
        KEY: label_class.key,
        THRESHOLD: label_class.threshold,
    }
    return values.get(column, "")


def _with_value(label_class: LabelClass, column: int, value: Any) -> LabelClass:
    if column == WORDS:
        return replace(label_class, synonyms=" ".join(str(value).split()))
    if column == KEY:
        return replace(label_class, key=str(value))
    return replace(label_class, threshold=round(float(value), 2))


def _shown(label_class: LabelClass, column: int) -> str:
    if column == THRESHOLD:
        return f"{label_class.threshold:.2f}" if label_class.threshold else NOTHING
    if column == WORDS:
        return label_class.synonyms or NO_WORDS
    if column == KEY:
        return label_class.key or NOTHING
    return label_class.name if column == NAME else ""


def _is_usual(label_class: LabelClass, column: int) -> bool:
    """Whether a cell shows nothing that the user has chosen."""
    return column in (WORDS, KEY, THRESHOLD) and not _value(label_class, column)


def _told(label_class: LabelClass) -> str:
    words = f" Prompt words: {escape(label_class.synonyms)}." if label_class.synonyms else ""
    return f"{escape(label_class.name)}: label id {label_class.id}.{words}"
