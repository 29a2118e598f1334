"""A line for tags, separated by commas, that completes the tag being typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QStringListModel, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QCompleter, QLineEdit, QWidget

from weclip_napari.gui.buttons import Field
from weclip_napari.gui.fuzzy import best_matches
from weclip_napari.session.class_table import parse_tags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtCore import QModelIndex
    from qtpy.QtGui import QShowEvent

_NO_NAME = "\0"


class TagEntry(Field):
    """Typed tags.

    Known classes are offered while a tag is typed, with room for typing errors. Tab takes the
    first of them (or the one picked by the arrow keys), Enter submits what is typed.

    Signals
    -------
    submitted()
        Enter was pressed, and not to pick a completion.
    edited()
        The user changed the text.
    erased()
        Backspace was pressed in the empty line.
    """

    submitted = Signal()
    edited = Signal()
    erased = Signal()

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
        self._show_text(", ".join(tags))

    def take_finished(self) -> tuple[str, ...]:
        """Take the tags before the last comma out of the line."""
        head, comma, rest = self.text().replace(";", ",").rpartition(",")
        if comma:
            self._show_text(rest.lstrip())
        return parse_tags(head, self._known)

    def set_known(self, names: Iterable[str]) -> None:
        """Offer class names as completions."""
        self._known = tuple(dict.fromkeys(names))
        self._completer.names = sorted(self._known, key=str.casefold)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Tell when there is nothing more to erase; drop what is half typed with Esc."""
        if event.key() == Qt.Key.Key_Backspace and not self.text():
            self.erased.emit()
            return
        if event.key() == Qt.Key.Key_Escape:
            self.clear()
        super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Give the completions the window's looks; as a window of their own they have none."""
        self._completer.popup().setStyleSheet(self.window().styleSheet())
        super().showEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let Enter take the picked completion, or submit when none is picked; Tab the first."""
        popup = self._completer.popup()
        if watched is popup and _is_key(event, Qt.Key.Key_Tab):
            return self._take_completion()
        if watched is not popup or not _is_key(event, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return bool(super().eventFilter(watched, event))
        if popup.currentIndex().isValid():
            self._take_completion()
        else:
            popup.hide()
            self.submitted.emit()
        return True

    def _take_completion(self) -> bool:
        """Write the picked completion, else the first; False when none is offered."""
        popup = self._completer.popup()
        if not popup.isVisible():
            return False
        picked = popup.currentIndex()
        tag = picked.data() if picked.isValid() else popup.model().index(0, 0).data()
        popup.hide()
        self.setText(self._completer.with_last(tag))
        return True

    def _show_text(self, text: str) -> None:
        self._is_showing = True
        self.setText(text)
        self._is_showing = False

    def _on_text_changed(self) -> None:
        """Tell of typing and, unlike Qt's `textEdited`, of picked completions."""
        if not self._is_showing:
            self.edited.emit()


def _is_key(event: QEvent, *keys: Qt.Key) -> bool:
    if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
        return False
    return event.key() in keys


class _TagCompleter(QCompleter):
    """Completes the last of several tags and keeps those before it."""

    def __init__(self, parent: QLineEdit) -> None:
        super().__init__(parent)
        self.names: list[str] = []
        self._line = parent
        self._found = QStringListModel(self)
        self.setModel(self._found)
        self.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)

    def splitPath(self, path: str) -> list[str]:
        """Look up the last tag; Qt then shows all that was found, and picks none by itself."""
        found = best_matches(path.replace(";", ",").rpartition(",")[2], self.names)
        if found != self._found.stringList():
            self._found.setStringList(found)
        return [_NO_NAME]

    def pathFromIndex(self, index: QModelIndex) -> str:
        """Put the tags before it in front of the completed one."""
        return self.with_last(super().pathFromIndex(index))

    def with_last(self, tag: str) -> str:
        """Give the typed text with its last tag replaced."""
        head, comma, _ = self._line.text().replace(";", ",").rpartition(",")
        return f"{head}{comma}{' ' if comma else ''}{tag}"
