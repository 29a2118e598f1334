"""Type tags, propose, watch it work, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QProgressBar, QWidget

from weclip_napari.gui.folder_panel import button
from weclip_napari.gui.tag_entry import TagEntry
from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator

BRANCHES = {
    "auto": "Masks: automatic",
    "decoder": "Masks: decoder",
    "cam": "Masks: CAM",
}


class TagPanel(QWidget):
    """The tags of the open image and the button that proposes masks for them."""

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self.entry = TagEntry()
        explain(self.entry, "tags")
        self.branch = QComboBox()
        explain(self.branch, "branch")
        for branch, text in BRANCHES.items():
            self.branch.addItem(text, branch)
        self.propose_button = button("Propose", "propose", self.propose)
        self.cancel_button = button("Cancel", "cancel", annotator.jobs.cancel)
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setFixedSize(90, 8)
        self.stage = QLabel()
        self._lay_out()
        self.entry.submitted.connect(self.propose)
        self.entry.edited.connect(lambda: annotator.type_tags(self.entry.tags))
        annotator.image_opened.connect(self._show_image)
        annotator.jobs.stage.connect(self.stage.setText)
        annotator.jobs.busy_changed.connect(self._show_busy)
        self._show_busy(False)

    def propose(self) -> None:
        """Propose masks for the typed tags."""
        self.entry.completer().popup().hide()
        self.entry.clearFocus()  # so that Ctrl+Z and the tools' keys reach the picture
        self._annotator.type_tags(self.entry.tags)
        self._annotator.tune(branch=self.branch.currentData())
        self._annotator.propose()

    def update_known(self) -> None:
        """Offer the classes of the model and of the folder as completions."""
        info, workspace = self._annotator.engine.info, self._annotator.workspace
        names = list(info.classes) if info else []
        self.entry.set_known([*names, *(workspace.store.classes.names if workspace else ())])

    def _lay_out(self) -> None:
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.entry, 0, 0, 1, 3)
        layout.addWidget(self.branch, 1, 0)
        layout.addWidget(self.propose_button, 1, 1)
        layout.addWidget(self.cancel_button, 1, 2)
        layout.addWidget(self.stage, 2, 0)
        layout.addWidget(self.progress, 2, 1, 1, 2, Qt.AlignmentFlag.AlignRight)
        layout.setColumnStretch(0, 1)

    def _show_image(self, row: int) -> None:
        self.entry.set_tags(self._annotator.tags)
        self.update_known()

    def _show_busy(self, is_busy: bool) -> None:
        self.cancel_button.setEnabled(is_busy)
        self.progress.setRange(0, 0 if is_busy else 1)
        self.stage.setText("Waiting" if is_busy else "Ready")
        self.update_known()
