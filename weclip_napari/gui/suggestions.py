"""Tags that the model suggests for an image: take one, or say that it is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QToolButton, QVBoxLayout, QWidget

from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

SHOWN = 4
STYLE = """
Suggestion { background: rgba(128, 138, 150, 40); border-radius: 3px; }
Suggestion QLabel { font-size: 9pt; background: transparent; }
Suggestion QLabel#fit { color: rgb(125, 132, 142); }
Suggestion QProgressBar { border: none; background: rgba(128, 138, 150, 60); border-radius: 2px; }
Suggestion QProgressBar::chunk { background: rgb(91, 121, 232); width: 1px; margin: 0; }
Suggestion QToolButton { border: none; border-radius: 3px; background: rgba(128, 138, 150, 60); }
Suggestion QToolButton#accept { color: rgb(60, 165, 105); }
Suggestion QToolButton#reject { color: rgb(218, 88, 84); }
Suggestion QToolButton:hover { background: rgba(128, 138, 150, 160); }
"""


class Suggestion(QWidget):
    """One line: a tag, how well it fits, ✓ and ✗.

    Parameters
    ----------
    tag
        The suggested tag.
    score
        How well it fits: the cosine of image and class.
    share
        The same in [0, 1] from the worst to the best suggestion, for the bar.

    Signals
    -------
    accepted(), rejected()
        ✓ or ✗ was clicked.
    """

    accepted = Signal()
    rejected = Signal()

    def __init__(self, tag: str, score: float, share: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tag = tag
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        name = QLabel(tag)
        name.setTextFormat(Qt.TextFormat.PlainText)
        name.setMinimumWidth(40)
        self.score = QLabel(f"{score:.3f}")
        explain(self.score, "fit")
        self.score.setFixedWidth(44)
        self.score.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.accept, self.reject = _tool("✓", "accept"), _tool("✗", "reject")
        self.accept.clicked.connect(self.accepted)
        self.reject.clicked.connect(self.rejected)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(7, 1, 2, 1)
        layout.setSpacing(5)
        layout.addWidget(name, 1)
        for widget in (_bar(share), self.score, self.accept, self.reject):
            layout.addWidget(widget)


class Suggestions(QWidget):
    """The best suggestions; when one is decided, the next moves up.

    Signals
    -------
    accepted(str), rejected(str)
        The user decided about a tag.
    """

    accepted = Signal(str)
    rejected = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines: list[Suggestion] = []
        self._ranking: list[tuple[str, float]] = []
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.close_button = _tool("×", "hide_suggestions")
        self.close_button.clicked.connect(self.clear)
        self._list = QVBoxLayout()
        self._list.setSpacing(2)
        head = QHBoxLayout()
        head.addWidget(self.note, 1)
        head.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addLayout(self._list)
        self.setStyleSheet(STYLE)
        self.hide()

    def show_ranking(self, ranking: Sequence[tuple[str, float]]) -> None:
        """Show suggested tags with their scores, the best first."""
        self._ranking = list(ranking)
        self._show_lines()
        self.show()

    def drop(self, decided: Collection[str]) -> None:
        """Take tags away that were typed or rejected meanwhile."""
        kept = [pair for pair in self._ranking if pair[0] not in decided]
        if len(kept) < len(self._ranking):
            self._ranking = kept
            self._show_lines()

    def clear(self) -> None:
        """Hide the suggestions; they were for another image, or are not wanted."""
        self._ranking = []
        self._show_lines()
        self.hide()

    def _show_lines(self) -> None:
        for line in self.lines:
            self._list.removeWidget(line)
            line.hide()
            line.deleteLater()
        scores = [score for _, score in self._ranking]
        self.lines = [
            self._make(tag, score, _share(score, scores)) for tag, score in self._ranking[:SHOWN]
        ]
        for line in self.lines:
            self._list.addWidget(line)
        more = len(self._ranking) - len(self.lines)
        self.note.setText(
            f"Is it there?{f' {more} more follow.' if more else ''}"
            if self.lines
            else "Nothing more to suggest: every known class is typed or rejected."
        )

    def _make(self, tag: str, score: float, share: float) -> Suggestion:
        line = Suggestion(tag, score, share, self)
        line.accepted.connect(lambda: self.accepted.emit(tag))
        line.rejected.connect(lambda: self.rejected.emit(tag))
        return line


def _share(score: float, scores: Sequence[float]) -> float:
    low, high = min(scores), max(scores)
    return (score - low) / (high - low) if high > low else 1.0


def _bar(share: float) -> QProgressBar:
    bar = QProgressBar()
    bar.setRange(0, 100)
    bar.setValue(round(100 * share))
    bar.setTextVisible(False)
    bar.setFixedSize(60, 4)
    return bar


def _tool(text: str, name: str) -> QToolButton:
    made = QToolButton()
    made.setText(text)
    made.setFixedSize(22, 20)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    explain(made, name)
    return made
