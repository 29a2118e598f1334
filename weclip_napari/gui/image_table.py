"""The table of a folder's images; each row is looked up when it is shown, so 10,000 are quick."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QColor

from weclip_napari.gui.image_filter import Sort, Wanted, arrange, found, measure
from weclip_napari.gui.state_style import PROBLEM_COLOR, STATE_COLORS, STATE_NAMES
from weclip_napari.gui.thumbnails import Thumbnails

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.session.folder_index import Summary

IMAGE, STATE, MEASURE = range(3)
TAGS_ROLE = Qt.ItemDataRole.UserRole
_NUMBERS = {Sort.UNCERTAINTY, Sort.DISAGREEMENT}


class ImageTable(QAbstractTableModel):
    """The images that the user wants to see: name with tags and thumbnail, state, measure.

    The order changes only when something else is wanted, the folder changes or many images did:
    an image that was accepted while the user looks at those to do stays where it is, so that one
    can go back to it.

    Parameters
    ----------
    annotator
        Whose folder is shown; it goes from image to image in the table's order.

    Attributes
    ----------
    order
        The rows of the folder that are shown, in order.
    wanted
        What the user wants to see.
    """

    def __init__(self, annotator: Annotator, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self.wanted = Wanted()
        self.order: list[int] = []
        self._lines: dict[int, int] = {}
        self._is_dirty = False
        self.thumbnails = Thumbnails(parent=self)
        self.thumbnails.loaded.connect(self._on_row_changed)
        self.thumbnails.failed.connect(self._on_unreadable)
        annotator.row_order = lambda: self.order
        annotator.folder_opened.connect(self._on_folder_opened)
        annotator.rows_changed.connect(lambda: self.want(self.wanted))
        annotator.row_changed.connect(self._on_row_changed)
        annotator.image_opened.connect(self._on_row_changed)
        annotator.dirty_changed.connect(self._on_dirty_changed)

    def want(self, wanted: Wanted) -> None:
        """Find out anew which images are shown, and in which order."""
        order = arrange(wanted, self, self._count())
        self.wanted = wanted
        if order != self.order:
            self._show(order)
        elif order:
            self.dataChanged.emit(self.index(0, IMAGE), self.index(len(order) - 1, MEASURE))

    def line_of(self, row: int) -> int | None:
        """Give the place of a row of the folder; None when it is not shown."""
        return self._lines.get(row)

    def name(self, row: int) -> str:
        """Path of an image inside the folder."""
        assert self._annotator.workspace is not None  # noqa: S101
        return self._annotator.workspace.name(row)

    def summary(self, row: int) -> Summary:
        """State, tags and measures of an image."""
        return self._annotator.summary(row)

    def problem(self, row: int) -> str:
        """Tell what is wrong with an image and the remedy; empty when nothing is."""
        return self._annotator.problems.get(row) or self.summary(row).problem

    def count_problems(self) -> int:
        """Count the images of the folder that have a problem."""
        return sum(1 for row in range(self._count()) if self.problem(row))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count the images that are shown."""
        return len(self.order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Three columns: image, state, measure."""
        return 3

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give what Qt asks for a cell."""
        row = self.order[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(row)
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._color(row, index.column())
        if role == Qt.ItemDataRole.DecorationRole and index.column() == IMAGE:
            return self.thumbnails.get(row)
        if role == TAGS_ROLE:
            return ", ".join(self.summary(row).tags)
        return None

    def _text(self, row: int, column: int) -> str:
        if column == IMAGE:
            return self.name(row)
        summary = self.summary(row)
        if column == STATE:
            is_unsaved = self._is_dirty and row == self._annotator.index
            return STATE_NAMES[summary.state] + (" *" if is_unsaved else "")
        return _measure_text(self.wanted.sort, summary)

    def _color(self, row: int, column: int) -> QColor | None:
        if self.problem(row) and column != MEASURE:
            return QColor(PROBLEM_COLOR)
        return QColor(STATE_COLORS[self.summary(row).state]) if column == STATE else None

    def _tooltip(self, row: int) -> str:
        summary = self.summary(row)
        lines = [f"<b>{escape(self.name(row))}</b>: {STATE_NAMES[summary.state]}"]
        if problem := self.problem(row):
            lines.append(f"<span style='color:{PROBLEM_COLOR}'>{escape(problem)}</span>")
        if summary.tags:
            lines.append(f"Tags: {escape(', '.join(summary.tags))}")
        if summary.negative_tags:
            lines.append(f"Rejected: {escape(', '.join(summary.negative_tags))}")
        for title, sort in _MEASURE_TITLES.items():
            if text := _measure_text(sort, summary):
                lines.append(f"{title}: {escape(text)}")
        return "<br>".join(lines)

    def _on_folder_opened(self) -> None:
        workspace = self._annotator.workspace
        self.thumbnails.set_images(workspace.images if workspace else ())
        self._is_dirty = False
        self._show(arrange(self.wanted, self, self._count()))

    def _show(self, order: list[int]) -> None:
        self.beginResetModel()
        self.order = order
        self._lines = {row: line for line, row in enumerate(order)}
        self.endResetModel()

    def _count(self) -> int:
        workspace = self._annotator.workspace
        return len(workspace.images) if workspace else 0

    def _on_row_changed(self, row: int) -> None:
        line = self.line_of(row)
        if line is not None:
            self.dataChanged.emit(self.index(line, IMAGE), self.index(line, MEASURE))

    def _on_dirty_changed(self, is_dirty: bool) -> None:
        self._is_dirty = is_dirty
        self._on_row_changed(self._annotator.index)

    def _on_unreadable(self, row: int, problem: str) -> None:
        assert self._annotator.workspace is not None  # noqa: S101
        self._annotator.workspace.index.set_problem(row, problem)
        self._annotator.row_changed.emit(row)


_MEASURE_TITLES = {
    "Uncertainty": Sort.UNCERTAINTY,
    "CAM and decoder disagree": Sort.DISAGREEMENT,
    "Tags without evidence": Sort.TAGS_WITHOUT_EVIDENCE,
    "Evidence without a tag": Sort.EVIDENCE_WITHOUT_TAG,
}


def _measure_text(sort: Sort, summary: Summary) -> str:
    value = measure(sort, summary) if sort in _NUMBERS else None
    if value is not None:
        return f"{value:.2f}"
    return ", ".join(found(sort, summary) or ())
