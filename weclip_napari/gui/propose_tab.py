"""The tab "Propose": tags, what was proposed for them, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from weclip_napari.gui.result_panel import ResultPanel
from weclip_napari.gui.tag_panel import TagPanel
from weclip_napari.gui.tuning_panel import TuningPanel

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator


class ProposeTab(QWidget):
    """Three panels; the tag that is looked at is marked in all of them."""

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tags = TagPanel(annotator)
        self.results = ResultPanel(annotator)
        self.tuning = TuningPanel(annotator)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 6, 4, 4)
        layout.setSpacing(6)
        layout.addWidget(self.tags)
        layout.addWidget(self.results, 1)
        layout.addWidget(self.tuning)
        self.tags.tag_clicked.connect(self.results.choose)
        self.results.tag_chosen.connect(self.tags.show_chosen)
