"""A line for tags, separated by commas, that completes the tag being typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QStringListModel, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QCompleter, QLineEdit, QWidget

from weclip_napari.session.class_table import parse_tags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtCore import QModelIndex
    from qtpy.QtGui import QShowEvent


class TagEntry(QLineEdit):
    """Typed tags.

    Signals
    -------
    submitted()
        Enter was pressed, and not to pick a completion.
    edited()
        The user changed the text.
    """

    submitted = Signal()
    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._known: tuple[str, ...] = ()
        self._completer = _TagCompleter(self)
        self.setCompleter(self._completer)
        self.setPlaceholderText("Tags, such as: dog, person")
        self.setClearButtonEnabled(True)
        self._is_showing = False
        self.returnPressed.connect(self.submitted)
        self.textChanged.connect(self._on_text_changed)
        self._completer.popup().installEventFilter(self)

    @property
    def tags(self) -> tuple[str, ...]:
        """The typed tags, in the spelling of the known classes."""
        return parse_tags(self.text(), self._known)

    def set_tags(self, tags: Iterable[str]) -> None:
        """Show tags in place of what is typed."""
        self._is_showing = True
        self.setText(", ".join(tags))
        self._is_showing = False

    def set_known(self, names: Iterable[str]) -> None:
        """Offer class names as completions."""
        self._known = tuple(dict.fromkeys(names))
        self._completer.setModel(QStringListModel(sorted(self._known), self._completer))

    def showEvent(self, event: QShowEvent) -> None:
        """Give the completions the window's looks; as a window of their own they have none."""
        self._completer.popup().setStyleSheet(self.window().styleSheet())
        super().showEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let Enter take the picked completion, or propose when none is picked."""
        popup = self._completer.popup()
        if watched is not popup or not _is_enter(event):
            return bool(super().eventFilter(watched, event))
        picked = popup.currentIndex()
        popup.hide()
        if picked.isValid():
            self.setText(self._completer.with_last(picked.data()))
        else:
            self.submitted.emit()
        return True

    def _on_text_changed(self) -> None:
        """Tell of typing and, unlike Qt's `textEdited`, of picked completions."""
        if not self._is_showing:
            self.edited.emit()


def _is_enter(event: QEvent) -> bool:
    if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
        return False
    return event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class _TagCompleter(QCompleter):
    """Completes the last of several tags and keeps those before it."""

    def __init__(self, parent: QLineEdit) -> None:
        super().__init__(parent)
        self._line = parent
        self.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setFilterMode(Qt.MatchFlag.MatchContains)

    def splitPath(self, path: str) -> list[str]:
        """Look up the last tag only."""
        return [path.replace(";", ",").rpartition(",")[2].strip()]

    def pathFromIndex(self, index: QModelIndex) -> str:
        """Put the tags before it in front of the completed one."""
        return self.with_last(super().pathFromIndex(index))

    def with_last(self, tag: str) -> str:
        """Give the typed text with its last tag replaced."""
        head, comma, _ = self._line.text().replace(";", ",").rpartition(",")
        return f"{head}{comma}{' ' if comma else ''}{tag}"
