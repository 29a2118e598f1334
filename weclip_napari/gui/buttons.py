"""Buttons, drop-down lists and fields with a name, a tooltip and, where they have one, a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QWidget

from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QSize
    from qtpy.QtGui import QKeyEvent


_MARGIN = 10


class _Button(QPushButton):
    """As narrow as its text; some styles want at least 80 pixels for each button."""

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        hint.setWidth(self.fontMetrics().horizontalAdvance(self.text()) + _MARGIN)
        return hint

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class Field(QLineEdit):
    """A line to type in, which Esc leaves: the keys of the picture work again."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the line, or type."""
        if event.key() == Qt.Key.Key_Escape:
            self.clearFocus()
        else:
            super().keyPressEvent(event)


def button(text: str, name: str, on_click: Callable[[], object]) -> QPushButton:
    """Make a push button.

    Parameters
    ----------
    text
        What it shows.
    name
        Its entry in the tooltips, which becomes its object name.
    on_click
        Called without arguments.
    """
    made = _Button(text)
    explain(made, name)
    made.clicked.connect(lambda: on_click())
    return made


def drop_down(name: str) -> QComboBox:
    """Make a drop-down list, empty yet, with its entry in the tooltips as object name.

    A click does not leave the keyboard with it: there, a letter picks an item, and ours mean
    something else.
    """
    made = QComboBox()
    explain(made, name)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def row_of(*widgets: QWidget, spacing: int = 4) -> QHBoxLayout:
    """Put widgets side by side."""
    layout = QHBoxLayout()
    layout.setSpacing(spacing)
    for widget in widgets:
        layout.addWidget(widget)
    return layout
