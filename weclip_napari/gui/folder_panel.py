"""The folder: open one, see how far it is, find images, go from image to image."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QFileDialog,
    QLabel,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from weclip_napari.gui.buttons import Field, button, row_of
from weclip_napari.gui.filter_bar import FilterBar
from weclip_napari.gui.image_table import ImageTable
from weclip_napari.gui.image_view import ImageView
from weclip_napari.gui.samples import sample_folder
from weclip_napari.gui.state_bar import StateBar
from weclip_napari.gui.tooltips import explain
from weclip_napari.session.states import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QMimeData
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from weclip_napari.gui.annotator import Annotator

NO_FOLDER = "Drop a folder of images here, open one, or try the sample scenes."
NO_MATCH = "No image of the folder is like that."
COUNT_MS = 100


WAY = {
    "previous": "◀",
    "next": "▶",
    "next_unreviewed": "To review ▶",
    "accept_and_next": "✓ Accept",
    "skip": "Skip",
}


class FolderPanel(QWidget):
    """The table of a folder's images, what to show of it, its progress and the way through it.

    Parameters
    ----------
    annotator
        What the buttons call.
    """

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self.title = QElidingLabel()
        self.position = Field()
        self.total = QLabel()
        self.images = ImageTable(annotator, self)
        self.filter = FilterBar()
        self.table = ImageView(self.images)
        self.progress = StateBar()
        self._count_timer = QTimer(self, singleShot=True, interval=COUNT_MS)
        self.setAcceptDrops(True)
        self._make_buttons()
        self._lay_out()
        self._connect()
        self._show_folder()

    def actions(self) -> dict[str, Callable[[], object]]:
        """Give what keys can call, by the names of the keys."""
        annotator = self._annotator
        return {
            "previous": lambda: annotator.step(-1),
            "next": lambda: annotator.step(1),
            "next_unreviewed": annotator.next_unreviewed,
            "accept_and_next": annotator.accept_and_next,
            "skip": annotator.skip,
            "jump": lambda: _start_typing(self.position),
            "search": lambda: _start_typing(self.filter.search),
            "propose_all": self._propose_all,
        }

    def close_down(self) -> None:
        """Stop reading thumbnails."""
        self.images.thumbnails.stop()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders, and images, whose folder is meant."""
        if _dropped_folder(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the folder that was dropped."""
        folder = _dropped_folder(event.mimeData())
        if folder is not None:
            event.acceptProposedAction()
            self._annotator.open_folder(folder)

    def _make_buttons(self) -> None:
        self.open_buttons = [
            button("Open…", "open_folder", self._choose_folder),
            button("Samples", "open_samples", self._open_samples),
        ]
        actions = self.actions()
        self.way_buttons = [button(text, name, actions[name]) for name, text in WAY.items()]
        self.batch_button = button("Propose all", "propose_all", self._propose_all)

    def _lay_out(self) -> None:
        explain(self.position, "jump")
        self.position.setFixedWidth(52)
        self.position.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.position.setAcceptDrops(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        head = row_of(*self.open_buttons, self.title, self.position, self.total)
        head.setStretchFactor(self.title, 1)
        layout.addLayout(head)
        layout.addWidget(self.filter)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.progress)
        layout.addLayout(row_of(*self.way_buttons, self.batch_button))

    def _connect(self) -> None:
        annotator = self._annotator
        self.filter.changed.connect(self._arrange)
        self.filter.submitted.connect(self._open_first)
        self.table.clicked.connect(lambda index: self._open(self.images.order[index.row()]))
        self.position.returnPressed.connect(self._jump)
        self.position.editingFinished.connect(self._show_position)
        self._count_timer.timeout.connect(self._count)
        self.images.modelReset.connect(lambda: self.table.mark(annotator.index, scroll=False))
        self.images.modelReset.connect(self._show_title)
        annotator.folder_opened.connect(self._show_folder)
        annotator.image_opened.connect(lambda _: self._show_position())
        annotator.image_opened.connect(self.table.mark)
        annotator.stayed.connect(lambda: self.table.mark(annotator.index, scroll=False))
        annotator.row_changed.connect(lambda _: self._count_soon())
        annotator.rows_changed.connect(self._count_soon)
        annotator.batch.busy_changed.connect(lambda _: self._show_batch())
        annotator.batch.progress.connect(self._show_batch)

    def _choose_folder(self) -> None:
        start = str(self._annotator.workspace.folder) if self._annotator.workspace else ""
        folder = QFileDialog.getExistingDirectory(self, "Folder of images", start)
        if folder:
            self._annotator.open_folder(folder)

    def _open_samples(self) -> None:
        self._annotator.open_folder(sample_folder())

    def _show_folder(self) -> None:
        """Show another folder, all of it."""
        workspace = self._annotator.workspace
        self.filter.show_all()
        self.images.want(self.filter.wanted)
        self.title.setToolTip(str(workspace.folder) if workspace else "")
        self.total.setText(f"/ {len(workspace.images):,}" if workspace else "")
        self.table.hint = NO_MATCH if workspace else NO_FOLDER
        self.progress.setVisible(workspace is not None)
        for widget in (*self.way_buttons, self.batch_button, self.position, self.filter):
            widget.setEnabled(workspace is not None)
        self._show_position()
        self._count()

    def _show_position(self) -> None:
        row = self._annotator.index
        self.position.setText(str(row + 1) if row >= 0 else "")

    def _show_batch(self, done: int = 0, total: int = 0) -> None:
        """Let the button stop the proposals in the background while they are made."""
        is_busy = self._annotator.batch.is_busy
        progress = f"Stop {done}/{total}" if total else "Stop"
        self.batch_button.setText(progress if is_busy else "Propose all")

    def _arrange(self) -> None:
        self.images.want(self.filter.wanted)
        self.table.show_measure()
        self.table.mark(self._annotator.index)

    def _count_soon(self) -> None:
        if not self._count_timer.isActive():
            self._count_timer.start()

    def _count(self) -> None:
        workspace = self._annotator.workspace
        counts = workspace.index.counts() if workspace else Counter[State]()
        self.progress.show_counts(counts)
        self.filter.show_problems(self.images.count_problems())

    def _show_title(self) -> None:
        """Show the folder's name, and how many images are found if not all are shown."""
        workspace = self._annotator.workspace
        if workspace is not None:
            shown = len(self.images.order)
            found = f"{shown:,} shown of " if shown < len(workspace.images) else ""
            self.title.setText(found + "/".join(workspace.folder.parts[-2:]))

    def _open(self, row: int) -> None:
        if row != self._annotator.index:
            self._annotator.open_image(row)

    def _open_first(self) -> None:
        """Open the first image that was found, unless the open one is among them."""
        if self.images.order and self.images.line_of(self._annotator.index) is None:
            self._annotator.open_image(self.images.order[0])

    def _jump(self) -> None:
        text = self.position.text()
        self.position.clearFocus()  # so that the keys of the picture work again
        self._annotator.jump_to(text)

    def _propose_all(self) -> None:
        if self._annotator.batch.is_busy:
            self._annotator.batch.cancel()
        else:
            self._annotator.propose_all()


def _start_typing(field: Field) -> None:
    field.setFocus()
    field.selectAll()


def _dropped_folder(content: QMimeData) -> Path | None:
    """Give the folder that is dragged, or the folder of a file that is."""
    paths = [Path(url.toLocalFile()) for url in content.urls() if url.isLocalFile()]
    if not paths:
        return None
    return paths[0] if paths[0].is_dir() else paths[0].parent
