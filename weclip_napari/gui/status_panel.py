"""Whether the work is saved, what went wrong, and which model proposes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from weclip_napari.gui.engine import EMBEDDED
from weclip_napari.gui.image_table import COLORS, ERROR, SAVED, TODO, UNSAVED, image_state
from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.gui.engine import ModelInfo

SIGNS = {
    TODO: "○ Nothing to save yet",
    SAVED: "● Saved",
    UNSAVED: "● Unsaved changes",
    ERROR: "● No image open",
}


class StatusPanel(QWidget):
    """Three lines: saved or not, the last message, the model."""

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self.saved, self.message, self.model = QLabel(), QLabel(), QLabel()
        explain(self.saved, "saved")
        explain(self.model, "model")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for label in (self.saved, self.message, self.model):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            layout.addWidget(label)
        annotator.image_opened.connect(lambda _: self._show_image())
        annotator.dirty_changed.connect(lambda _: self._show_saved())
        annotator.failed.connect(self._show_failure)
        annotator.noted.connect(self._show_note)
        annotator.jobs.busy_changed.connect(lambda _: self._show_model())
        self._show_model()
        self.message.hide()

    def _show_image(self) -> None:
        self._show_note("")
        self._show_saved()

    def _show_saved(self) -> None:
        state = image_state(self._annotator, self._annotator.index)
        self.saved.setText(SIGNS[state])
        self.saved.setStyleSheet(f"color: {COLORS[state]}")

    def _show_failure(self, text: str) -> None:
        self._show_message(text, COLORS[ERROR])
        self._show_saved()

    def _show_note(self, text: str) -> None:
        self._show_message(text, "")

    def _show_message(self, text: str, color: str) -> None:
        self.message.setText(text)
        self.message.setStyleSheet(f"color: {color}" if color else "")
        self.message.setVisible(bool(text))

    def _show_model(self) -> None:
        engine = self._annotator.engine
        self.model.setText(model_text(engine.spec, engine.info))


def model_text(spec: str, info: ModelInfo | None) -> str:
    """Tell what the model is and, once it is loaded, what it knows."""
    if spec == EMBEDDED:
        classes = f" It knows: {', '.join(info.classes)}." if info else ""
        return (
            "Embedded model: it has only ever seen drawn scenes, so it does not understand "
            f"photographs.{classes}"
        )
    if info is None:
        return f"Model: {spec}."
    if not info.classes:
        return f"Model: {info.name}. It has no decoder; masks come from the CAM."
    return (
        f"Model: {info.name}. Its decoder knows {len(info.classes)} classes; masks of other tags "
        "come from the CAM."
    )
