"""The table of a folder's images; each row is looked up when it is shown, so 10,000 are quick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QColor

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator

TODO, SAVED, UNSAVED, ERROR = "to do", "saved", "unsaved", "unreadable"
COLORS = {TODO: "#8a8f98", SAVED: "#4caf7a", UNSAVED: "#e6a23c", ERROR: "#e5605c"}


def image_state(annotator: Annotator, row: int) -> str:
    """Tell what is known of an image of the folder."""
    workspace = annotator.workspace
    if workspace is None or row in annotator.problems:
        return ERROR
    if row == annotator.index and annotator.is_dirty:
        return UNSAVED
    return SAVED if workspace.store.is_saved(workspace.images[row]) else TODO


class ImageTable(QAbstractTableModel):
    """Name and state of each image of the open folder."""

    def __init__(self, annotator: Annotator, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        annotator.folder_opened.connect(self._on_folder_opened)
        annotator.image_opened.connect(self._on_row_changed)
        annotator.dirty_changed.connect(self._on_dirty_changed)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count the images."""
        return len(self._annotator.workspace.images) if self._annotator.workspace else 0

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Two columns: name and state."""
        return 2

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give what Qt asks for a cell."""
        workspace, row = self._annotator.workspace, index.row()
        if workspace is None:
            return None
        if index.column() == 0:
            is_text = role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)
            return workspace.name(row) if is_text else None
        state = image_state(self._annotator, row)
        if role == Qt.ItemDataRole.DisplayRole:
            return state
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(COLORS[state])
        return self._annotator.problems.get(row) if role == Qt.ItemDataRole.ToolTipRole else None

    def _on_folder_opened(self) -> None:
        self.beginResetModel()
        self.endResetModel()

    def _on_row_changed(self, row: int) -> None:
        self.dataChanged.emit(self.index(row, 0), self.index(row, 1))

    def _on_dirty_changed(self, is_dirty: bool) -> None:
        self._on_row_changed(self._annotator.index)
