"""Curves of a training while it runs: the loss, and the mIoU on held-out images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtGui import QPaintEvent

    from weclip_napari.gui.retrain_process import Step

HEIGHT, GAP = 128, 10
LOSS_COLOR, DECODER_COLOR, LABEL_COLOR = "#5b9ee6", "#4caf7a", "#e6a23c"
SMOOTHING = 0.1
"""Share of the newest loss in the thick line."""
MOST_POINTS = 300
"""Of one curve; of a longer one only every few are painted."""
_FAINT = 90
_DOT = 2.5

Points = list[tuple[int, float]]


@dataclass
class _Line:
    """One curve."""

    name: str
    color: str
    points: Points = field(default_factory=list)
    smooth: Points = field(default_factory=list)
    has_dots: bool = False


class LossCurves(QWidget):
    """Two small plots over the steps, side by side.

    Attributes
    ----------
    losses, decoder, pseudo_label
        (step, value) of the whole loss, and of the mIoU in percent where it was scored.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.losses: Points = []
        self.decoder: Points = []
        self.pseudo_label: Points = []
        self._smooth: Points = []
        self._steps = 0
        explain(self, "curves")
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def clear(self) -> None:
        """Start anew."""
        self.losses, self.decoder, self.pseudo_label, self._smooth = [], [], [], []
        self._steps = 0
        self.update()

    def add(self, step: Step) -> None:
        """Add a step; those after it, of a run that was broken off, are done anew."""
        self._steps = step.steps
        for points in (self.losses, self.decoder, self.pseudo_label, self._smooth):
            while points and points[-1][0] >= step.step:
                points.pop()
        self.losses.append((step.step, step.loss))
        before = self._smooth[-1][1] if self._smooth else step.loss
        self._smooth.append((step.step, before + SMOOTHING * (step.loss - before)))
        for points, name in ((self.decoder, "decoder"), (self.pseudo_label, "pseudo_label")):
            if name in step.scores:
                points.append((step.step, step.scores[name]))
        self.update()

    def sizeHint(self) -> QSize:
        """Wide enough for two plots."""
        return QSize(320, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both plots."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPointSizeF(max(6.0, font.pointSizeF() * 0.8))
        painter.setFont(font)
        width = (self.width() - GAP) / 2
        loss = [_Line("loss", LOSS_COLOR, _thinned(self.losses), _thinned(self._smooth))]
        scores = [
            _Line("decoder", DECODER_COLOR, self.decoder, has_dots=True),
            _Line("pseudo", LABEL_COLOR, self.pseudo_label, has_dots=True),
        ]
        self._paint_plot(painter, QRectF(0, 0, width, self.height()), "Loss", loss)
        right = QRectF(width + GAP, 0, width, self.height())
        self._paint_plot(painter, right, "Held-out mIoU %", scores)
        painter.end()

    def _paint_plot(self, painter: QPainter, place: QRectF, title: str, lines: list[_Line]) -> None:
        """Paint a plot with its title, its limits and, where there are several, its names."""
        line_height = painter.fontMetrics().height()
        text = self.palette().color(QPalette.ColorRole.WindowText)
        painter.setPen(text)
        gutter = painter.fontMetrics().horizontalAdvance("0.000") + 4
        area = place.adjusted(gutter, line_height + 3, 0, -line_height - 2)
        above = QRectF(area.left(), place.top(), area.width(), line_height)
        painter.drawText(above, int(Qt.AlignmentFlag.AlignLeft), title)
        painter.fillRect(area, QColor(128, 128, 128, 28))
        low, high = _limits(value for line in lines for _, value in line.points)
        inner = area.adjusted(_DOT + 1, _DOT + 1, -_DOT - 1, -_DOT - 1)
        for line in lines:
            self._paint_line(painter, inner, line, low, high)
        painter.setPen(_faded(text, 170))
        if any(line.points for line in lines):
            _paint_limits(
                painter, QRectF(place.left(), area.top(), gutter, area.height()), low, high
            )
        below = QRectF(area.left(), area.bottom() + 1, area.width(), line_height)
        if len(lines) > 1:
            _paint_names(painter, below, lines)
        elif self._steps:
            painter.drawText(below, int(Qt.AlignmentFlag.AlignRight), f"{self._steps:,} steps")

    def _paint_line(
        self, painter: QPainter, area: QRectF, line: _Line, low: float, high: float
    ) -> None:
        def at(step: int, value: float) -> QPointF:
            x = area.left() + area.width() * step / max(self._steps, 1)
            return QPointF(x, area.bottom() - area.height() * (value - low) / (high - low))

        color = QColor(line.color)
        points = [at(*point) for point in line.points]
        if not line.has_dots:
            painter.setPen(QPen(_faded(color, _FAINT), 1))
            painter.drawPolyline(QPolygonF(points))
            points = [at(*point) for point in line.smooth]
        painter.setPen(QPen(color, 2))
        painter.drawPolyline(QPolygonF(points))
        if line.has_dots:
            painter.setBrush(color)
            for point in points:
                painter.drawEllipse(point, _DOT, _DOT)
            painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_limits(painter: QPainter, place: QRectF, low: float, high: float) -> None:
    """Paint the least and the greatest value left of a plot."""
    flags = Qt.AlignmentFlag
    inner = place.adjusted(0, -2, -4, 2)
    painter.drawText(inner, int(flags.AlignRight | flags.AlignTop), _short(high))
    painter.drawText(inner, int(flags.AlignRight | flags.AlignBottom), _short(low))


def _paint_names(painter: QPainter, place: QRectF, lines: list[_Line]) -> None:
    """Paint each name in its colour, with its last value."""
    metrics = painter.fontMetrics()
    left = place.left()
    for line in lines:
        text = f"{line.name} {line.points[-1][1]:.0f}" if line.points else line.name
        painter.setPen(QColor(line.color))
        painter.drawText(QPointF(left, place.bottom() - metrics.descent()), text)
        left += metrics.horizontalAdvance(text) + 8


def _limits(values: Iterable[float]) -> tuple[float, float]:
    """Return a range that holds all values and is not empty."""
    known = list(values)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return max(0.0, low - margin) if low >= 0 else low - margin, high + margin


def _thinned(points: Points) -> Points:
    """Leave points out of a long curve, but never the newest."""
    stride = -(-len(points) // MOST_POINTS) or 1
    return points[::-stride][::-1]


def _faded(color: QColor, alpha: int) -> QColor:
    faded = QColor(color)
    faded.setAlpha(alpha)
    return faded


def _short(value: float) -> str:
    """Write a number in at most five characters, as far as that goes."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2f}"
