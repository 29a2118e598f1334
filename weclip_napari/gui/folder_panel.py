"""The folder: open one, see its images, go from image to image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QItemSelectionModel, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from weclip_napari.gui.buttons import button as button
from weclip_napari.gui.image_table import ImageTable
from weclip_napari.gui.samples import sample_folder
from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator


class FolderPanel(QWidget):
    """Buttons to open a folder, the table of its images, and the way through them."""

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self.title = QLabel("Open a folder of images, or try the sample scenes.")
        self.title.setWordWrap(True)
        self.table = _make_table(ImageTable(annotator, self))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(
            _row(
                button("Open folder…", "open_folder", self._choose_folder),
                button("Sample scenes", "open_samples", self._open_samples),
            )
        )
        layout.addWidget(self.title)
        layout.addWidget(self.table)
        layout.addLayout(
            _row(
                button("◀ Previous", "previous", lambda: annotator.step(-1)),
                button("Next ▶", "next", lambda: annotator.step(1)),
                button("Undo", "undo", annotator.undo),
                button("Save", "save", annotator.save),
            )
        )
        self.table.selectionModel().currentRowChanged.connect(self._on_row_chosen)
        annotator.folder_opened.connect(self._show_folder)
        annotator.image_opened.connect(self._show_row)

    def _choose_folder(self) -> None:
        start = str(self._annotator.workspace.folder) if self._annotator.workspace else ""
        folder = QFileDialog.getExistingDirectory(self, "Folder of images", start)
        if folder:
            self._annotator.open_folder(folder)

    def _open_samples(self) -> None:
        self._annotator.open_folder(sample_folder())

    def _show_folder(self) -> None:
        workspace = self._annotator.workspace
        if workspace is not None:
            count = len(workspace.images)
            place = "/".join(workspace.folder.parts[-2:])
            self.title.setText(f"{place} · {count} image{'s' if count != 1 else ''}")
            self.title.setToolTip(str(workspace.folder))

    def _show_row(self, row: int) -> None:
        """Mark the open image without opening it again."""
        selection = self.table.selectionModel()
        selection.blockSignals(True)
        index = self.table.model().index(row, 0)
        flags = QItemSelectionModel.SelectionFlag
        selection.setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        selection.blockSignals(False)
        self.table.scrollTo(index)
        self.table.viewport().update()

    def _on_row_chosen(self) -> None:
        row = self.table.currentIndex().row()
        if row not in (-1, self._annotator.index) and not self._annotator.open_image(row):
            self._show_row(self._annotator.index)


def _row(*widgets: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout()
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def _make_table(model: ImageTable) -> QTableView:
    table = QTableView()
    explain(table, "images")
    table.setModel(model)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setShowGrid(False)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it would take our keys to search for names
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(22)
    table.horizontalHeader().hide()
    table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
    table.horizontalHeader().resizeSection(1, 84)
    table.setMinimumHeight(140)
    return table
