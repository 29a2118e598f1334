"""Whether the work is saved, what went wrong, and which model proposes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from weclip_napari.gui.buttons import button, row_of
from weclip_napari.gui.engine import EMBEDDED
from weclip_napari.gui.save_state import SaveState
from weclip_napari.gui.state_style import PROBLEM_COLOR, STATE_COLORS
from weclip_napari.gui.tooltips import TOOLTIPS, explain
from weclip_napari.session.states import State

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.gui.engine import ModelInfo

SIGNS = {
    SaveState.EMPTY: "○ Nothing to save yet",
    SaveState.SAVED: "● Saved",
    SaveState.UNSAVED: "● Unsaved changes",
    SaveState.SAVING: "● Saving…",
    SaveState.FAILED: "● Not saved",
    SaveState.READ_ONLY: "● Read-only",
}
COLORS = {
    SaveState.EMPTY: STATE_COLORS[State.TODO],
    SaveState.SAVED: STATE_COLORS[State.ACCEPTED],
    SaveState.UNSAVED: STATE_COLORS[State.EDITED],
    SaveState.SAVING: STATE_COLORS[State.PROPOSED],
    SaveState.FAILED: PROBLEM_COLOR,
    SaveState.READ_ONLY: PROBLEM_COLOR,
}


class StatusPanel(QWidget):
    """Saved or not and why not, the last message, the model.

    Signals
    -------
    keys_wanted()
        The user wants to see the keys.
    """

    keys_wanted = Signal()

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self.saved, self.reason, self.message, self.model = (_label() for _ in range(4))
        explain(self.saved, "saved")
        explain(self.model, "model")
        self.again_button = button("Try again", "try_again", self._try_again)
        self.save_button = button("Save", "save", annotator.save)
        self.keys_button = button("Keys", "keys", self.keys_wanted.emit)
        head = row_of(self.saved, self.again_button, self.save_button, self.keys_button)
        head.setStretchFactor(self.saved, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(head)
        for label in (self.reason, self.message, self.model):
            layout.addWidget(label)
        self.model.setStyleSheet("font-size: 9pt; color: rgb(125, 132, 142)")
        policy = self.message.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # so that the panels above seldom move
        self.message.setSizePolicy(policy)
        self.reason.setStyleSheet(f"color: {PROBLEM_COLOR}")
        annotator.image_opened.connect(lambda _: self._show_image())
        annotator.save_state_changed.connect(self._show_saved)
        annotator.failed.connect(lambda text: self._show_message(text, PROBLEM_COLOR))
        annotator.noted.connect(lambda text: self._show_message(text, ""))
        annotator.jobs.busy_changed.connect(lambda _: self._show_model())
        annotator.folder_model.changed.connect(self._show_model)
        self._show_model()
        self._show_image()

    def _show_image(self) -> None:
        self._show_message("", "")
        self._show_saved()

    def _show_saved(self) -> None:
        annotator, state = self._annotator, self._annotator.save_state
        self.saved.setText(SIGNS[state])
        self.saved.setStyleSheet(f"color: {COLORS[state]}")
        reasons = {SaveState.FAILED: annotator.save_problem}
        if annotator.workspace is not None:
            reasons[SaveState.READ_ONLY] = annotator.workspace.read_only
        if self.message.text() == self.reason.text():
            self.message.clear()  # it told the reason, which may be mended by now
        self.reason.setText(reasons.get(state, ""))
        self.again_button.setVisible(state in (SaveState.FAILED, SaveState.READ_ONLY))
        self.save_button.setEnabled(state in (SaveState.UNSAVED, SaveState.FAILED))
        self._show_once()

    def _try_again(self) -> None:
        """Save again, or take the folder once it can be written."""
        if self._annotator.is_read_only:
            self._annotator.try_again()
        else:
            self._annotator.save()

    def _show_message(self, text: str, color: str) -> None:
        self.message.setText(text)
        self.message.setStyleSheet(f"color: {color}" if color else "")
        self._show_once()

    def _show_once(self) -> None:
        """Leave out what is empty, and a message that the lasting reason repeats."""
        reason, message = self.reason.text(), self.message.text()
        self.reason.setVisible(bool(reason))
        self.message.setVisible(bool(message) and message != reason)

    def _show_model(self) -> None:
        engine, own = self._annotator.engine, self._annotator.folder_model.name
        self.model.setText(model_text(engine.spec, engine.info, own))
        self.model.setToolTip(f"<p>{escape(classes_text(engine.info))}</p>")


def model_text(spec: str, info: ModelInfo | None, own: str = "") -> str:
    """Tell in short what the model is and, once it is loaded, what it knows.

    Parameters
    ----------
    spec
        Which model.
    info
        What is known of it.
    own
        What it is called if it was retrained on this folder.
    """
    if own:
        known = f" Its decoder knows {len(info.classes)} classes." if info else ""
        return f"Retrained on this folder: {own}.{known}"
    if spec == EMBEDDED:
        return (
            "Embedded model: it has only ever seen drawn scenes, so it does not understand "
            "photographs."
        )
    if info is None:
        return f"Model: {spec}."
    if not info.classes:
        return f"Model: {info.name}. It has no decoder; masks come from the CAM."
    return (
        f"Model: {info.name}. Its decoder knows {len(info.classes)} classes; masks of other tags "
        "come from the CAM."
    )


def classes_text(info: ModelInfo | None) -> str:
    """Name the classes of the model's decoder, each a tag that it draws sharply."""
    if info is None or not info.classes:
        return TOOLTIPS["model"]
    return f"{TOOLTIPS['model']} Its decoder knows: {', '.join(info.classes)}."


def _label() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
