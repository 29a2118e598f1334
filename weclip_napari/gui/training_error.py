"""Why a training failed: what to do in a line, and below all that it said."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QFontDatabase, QGuiApplication, QTextCursor
from qtpy.QtWidgets import QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from weclip_napari.gui.buttons import button, row_of
from weclip_napari.gui.state_style import PROBLEM_COLOR
from weclip_napari.gui.tooltips import explain

_HEIGHT = 110


class TrainingError(QWidget):
    """Hidden until there is something to tell."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setFixedHeight(_HEIGHT)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        self.details.setStyleSheet(f'font-family: "{font.family()}"; font-size: 8pt')
        explain(self.details, "training_error")
        self.copy_button = button("Copy", "copy_error", self.copy)
        row = row_of(QLabel("What it said:"), self.copy_button)
        row.setStretch(0, 1)
        self._below = QWidget()
        below = QVBoxLayout(self._below)
        below.setContentsMargins(0, 0, 0, 0)
        below.addLayout(row)
        below.addWidget(self.details)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.message)
        layout.addWidget(self._below)
        self.clear()

    def show_error(self, message: str, details: str = "", *, is_problem: bool = True) -> None:
        """Tell what happened.

        Parameters
        ----------
        message
            In a sentence or two.
        details
            All that the training said; left out where the message repeats it.
        is_problem
            Whether something went wrong.
        """
        self.message.setText(message)
        self.message.setStyleSheet(f"color: {PROBLEM_COLOR}" if is_problem else "")
        self.details.setPlainText(details)
        is_news = bool(details) and details.removeprefix("error: ") != message
        self._below.setVisible(is_news)
        self.show()
        self.details.moveCursor(QTextCursor.MoveOperation.End)  # a traceback ends with its reason

    def clear(self) -> None:
        """Tell nothing any more."""
        self.message.clear()
        self.details.clear()
        self.hide()

    def copy(self) -> None:
        """Copy all of it."""
        text = f"{self.message.text()}\n\n{self.details.toPlainText()}"
        QGuiApplication.clipboard().setText(text.strip())
