"""How far a folder is: a bar of the states in their colours, with their counts below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPainterPath, QPalette
from qtpy.QtWidgets import QSizePolicy, QWidget

from weclip_napari.gui.state_style import STATE_COLORS, STATE_NAMES
from weclip_napari.gui.tooltips import explain
from weclip_napari.session.states import REVIEWED, State

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from qtpy.QtGui import QPaintEvent

# What is done comes first, so that the bar fills from the left.
ORDER = (State.ACCEPTED, State.SKIPPED, State.EDITED, State.PROPOSED, State.TODO)
BAR_HEIGHT = 8
GAP = 8
HEIGHT = 40


class StateBar(QWidget):
    """Shows the share of each state in a folder, and how many images are reviewed.

    Attributes
    ----------
    counts
        How many images are in each state.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.counts: dict[State, int] = {}
        explain(self, "progress")
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def reviewed(self) -> int:
        """How many images are accepted or skipped."""
        return sum(self.counts.get(state, 0) for state in REVIEWED)

    @property
    def total(self) -> int:
        """How many images there are."""
        return sum(self.counts.values())

    def show_counts(self, counts: Counter[State]) -> None:
        """Show how many images are in each state."""
        self.counts = dict(counts)
        self.setAccessibleName(self.text())
        self.update()

    def text(self) -> str:
        """Say how far the folder is."""
        share = self.reviewed / self.total if self.total else 0.0
        return f"{self.reviewed:,} of {self.total:,} reviewed · {share:.0%}"

    def sizeHint(self) -> QSize:
        """Wide enough for five counts."""
        return QSize(320, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the bar and the counts."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 0.85)
        painter.setFont(font)
        self._paint_bar(painter)
        self._paint_counts(painter)
        painter.end()

    def _paint_bar(self, painter: QPainter) -> None:
        """Paint the bar, and at its right how much is reviewed."""
        line = QRect(0, 0, self.width(), painter.fontMetrics().height())
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(line, right, self.text())
        length = self.width() - painter.fontMetrics().horizontalAdvance(self.text()) - GAP
        frame = QRectF(0, (line.height() - BAR_HEIGHT) / 2, max(length, 0), BAR_HEIGHT)
        shape = QPainterPath()
        shape.addRoundedRect(frame, BAR_HEIGHT / 2, BAR_HEIGHT / 2)
        painter.save()
        painter.setClipPath(shape)
        painter.fillRect(frame, QColor(128, 128, 128, 60))
        for state, left, right_end in self._segments(frame.width()):
            segment = QRectF(left, frame.top(), right_end - left, BAR_HEIGHT)
            painter.fillRect(segment, QColor(STATE_COLORS[state]))
        painter.restore()

    def _segments(self, length: float) -> Iterator[tuple[State, float, float]]:
        """Yield where each state but the one that is still to do begins and ends."""
        left = 0.0
        for state in ORDER[:-1]:
            right = left + length * self.counts.get(state, 0) / max(self.total, 1)
            yield state, left, right
            left = right

    def _paint_counts(self, painter: QPainter) -> None:
        """Paint a count for each state, with its name below."""
        line = painter.fontMetrics().height()
        width = self.width() / len(ORDER)
        for number, state in enumerate(ORDER):
            place = QRect(round(number * width), line + 2, round(width), line)
            painter.setPen(QColor(STATE_COLORS[state]))
            count = f"{self.counts.get(state, 0):,}"
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, count)
            place.translate(0, line - 2)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, STATE_NAMES[state])
