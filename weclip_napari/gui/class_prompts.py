"""How the prompts of a folder are made: the template and the background words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from qtpy.QtCore import QSignalBlocker, QTimer, Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QLineEdit, QPlainTextEdit, QWidget

from weclip_napari.core.classes import (
    COCO_BACKGROUND,
    PUBLISHED_TEMPLATE,
    TEMPLATE,
    VOC_BACKGROUND,
)
from weclip_napari.gui.tooltips import explain
from weclip_napari.session.class_table import PromptSettings, parse_tags

if TYPE_CHECKING:
    from weclip_napari.gui.engine import ModelInfo

T = TypeVar("T")

OWN = "Model's own"
YOURS = "Your own"
PAUSE_MS = 400
TEMPLATES = {TEMPLATE: TEMPLATE, PUBLISHED_TEMPLATE: PUBLISHED_TEMPLATE}
BACKGROUNDS = {
    f"VOC ({len(VOC_BACKGROUND)} words)": VOC_BACKGROUND,
    f"COCO ({len(COCO_BACKGROUND)} words)": COCO_BACKGROUND,
}
WARNING = "color: rgb(235, 120, 115);"
FIELD = "QPlainTextEdit { background: rgba(128, 138, 150, 77); border-radius: 2px; }"


class Presets(QComboBox, Generic[T]):
    """A choice of named values; None is the model's own, anything unnamed the user's own.

    Parameters
    ----------
    presets
        The named values.
    """

    def __init__(self, presets: dict[str, T]) -> None:
        super().__init__()
        self._presets = presets
        self.addItems([OWN, *presets, YOURS])

    def show_value(self, value: T | None) -> None:
        """Show the name of a value."""
        names = (name for name, preset in self._presets.items() if preset == value)
        self.setCurrentText(OWN if value is None else next(names, YOURS))

    def value(self, typed: T) -> T | None:
        """Give the chosen value; what was typed where the user's own is chosen."""
        name = self.currentText()
        return None if name == OWN else self._presets.get(name, typed)


class PromptEditor(QWidget):
    """Edits prompt settings; what cannot be used is marked and not taken over.

    Signals
    -------
    changed(object)
        The user wants other `PromptSettings`; while typing, after a pause.
    """

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.settings = PromptSettings()
        self._info: ModelInfo | None = None
        self.templates, self.backgrounds = Presets(TEMPLATES), Presets(BACKGROUNDS)
        self.template, self.words = QLineEdit(), QPlainTextEdit()
        self.words.setTabChangesFocus(True)
        self.words.setStyleSheet(FIELD)  # napari's theme draws no field around it
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setStyleSheet(WARNING)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._take_over)
        explain(self.templates, "template_set")
        explain(self.template, "template")
        explain(self.backgrounds, "background_set")
        explain(self.words, "background_words")
        self._lay_out()
        self.template.textEdited.connect(lambda _: self._on_typed(self.templates))
        self.words.textChanged.connect(lambda: self._on_typed(self.backgrounds))
        self.templates.activated.connect(lambda _: self._on_chosen())
        self.backgrounds.activated.connect(lambda _: self._on_chosen())
        self._show()

    def show_settings(self, settings: PromptSettings, info: ModelInfo | None) -> None:
        """Show what is in force; `info` says what is the model's own, once it is loaded."""
        if (settings, info) != (self.settings, self._info):
            self.settings, self._info = settings, info
            if not self._timer.isActive():  # else what is being typed counts
                self._show()

    def _lay_out(self) -> None:
        self.words.setFixedHeight(4 * self.fontMetrics().lineSpacing() + 10)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(6)
        layout.setVerticalSpacing(4)
        layout.addWidget(QLabel("Prompt"), 0, 0)
        layout.addWidget(self.templates, 0, 1)
        layout.addWidget(self.template, 1, 0, 1, 2)
        layout.addWidget(QLabel("Background"), 2, 0)
        layout.addWidget(self.backgrounds, 2, 1)
        layout.addWidget(self.words, 3, 0, 1, 2)
        layout.addWidget(self.note, 4, 0, 1, 2)
        layout.setColumnStretch(1, 1)

    def _show(self) -> None:
        blocker = QSignalBlocker(self.words)
        template, background = self.settings.template, self.settings.background
        self.templates.show_value(template)
        self.backgrounds.show_value(background)
        own = self._info
        self.template.setText((own.template if own else "") if template is None else template)
        words = (own.background_words if own else ()) if background is None else background
        self.words.setPlainText(", ".join(words))
        hint = "known once the model is loaded"
        self.template.setPlaceholderText(hint)
        self.words.setPlaceholderText(hint)
        self._mark("")
        del blocker

    def _on_typed(self, presets: QComboBox) -> None:
        presets.setCurrentText(YOURS)
        self._timer.start()

    def _on_chosen(self) -> None:
        self._take_over()
        if not self.note.text():
            self._show()

    def _take_over(self) -> None:
        """Ask for what is shown, unless it cannot be used."""
        self._timer.stop()
        words = parse_tags(self.words.toPlainText().replace("\n", ","))
        wanted = PromptSettings(
            self.templates.value(self.template.text().strip()), self.backgrounds.value(words)
        )
        self._mark(_problem(wanted))
        if not self.note.text() and wanted != self.settings:
            self.settings = wanted
            self.changed.emit(wanted)

    def _mark(self, problem: str) -> None:
        self.note.setText(problem)
        self.note.setVisible(bool(problem))


def _problem(settings: PromptSettings) -> str:
    if settings.template is not None and "{}" not in settings.template:
        return "The prompt needs {} where the tag goes, such as: a photo of a {}."
    if settings.background == ():
        return "Name at least one thing that surrounds what is tagged, such as: ground"
    return ""
