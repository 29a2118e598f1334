"""A slider for fractions and factors whose values are taken over while it is dragged."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSlider, QWidget
from superqt.utils import QSignalThrottler

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent, QWheelEvent

PERIOD_MS = 40
STEPS = 100


class LiveSlider(QSlider):
    """A horizontal slider from one number to another in a hundred steps.

    Arrow keys go one step, page keys ten; a double click goes back to the normal number. The wheel
    is left to the list around it unless the slider was clicked before.

    Parameters
    ----------
    low, high
        The numbers at both ends.
    normal
        Where a double click goes.
    is_logarithmic
        Whether equal ways are equal factors; then `low` has to be above 0.

    Signals
    -------
    changed(float)
        The user chose a number: at once, then at most every 40 ms while dragging, and always the
        last one.
    """

    changed = Signal(float)

    def __init__(
        self,
        low: float,
        high: float,
        normal: float,
        *,
        is_logarithmic: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._low, self._high, self.normal = low, high, normal
        self._is_logarithmic = is_logarithmic
        self._is_showing = self._is_pending = False
        self.setRange(0, STEPS)
        self.setPageStep(STEPS // 10)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._throttler = QSignalThrottler(parent=self)
        self._throttler.setTimeout(PERIOD_MS)
        self._throttler.triggered.connect(self._tell)
        self.show_number(normal)
        self.valueChanged.connect(self._on_moved)
        self.sliderReleased.connect(self._throttler.flush)

    @property
    def number(self) -> float:
        """What the handle stands at."""
        share = self.value() / STEPS
        if self._is_logarithmic:
            return float(self._low * (self._high / self._low) ** share)
        return self._low + (self._high - self._low) * share

    @property
    def is_normal(self) -> bool:
        """Whether the handle stands at the normal number, as near as its steps allow."""
        return self.value() == self.position_of(self.normal)

    def position_of(self, number: float) -> int:
        """Give the step that is nearest to a number."""
        bounded = min(max(number, self._low), self._high)
        if self._is_logarithmic:
            share = math.log(bounded / self._low) / math.log(self._high / self._low)
        else:
            share = (bounded - self._low) / (self._high - self._low)
        return round(STEPS * share)

    def show_number(self, number: float) -> None:
        """Move the handle to what is in force; not while the user moves it."""
        if self.isSliderDown() or self._is_pending:
            return
        self._is_showing = True
        self.setValue(self.position_of(number))
        self._is_showing = False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Go back to the normal number."""
        self.setValue(self.position_of(self.normal))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the list around the slider, where it is meant to scroll."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def _on_moved(self) -> None:
        if not self._is_showing:
            self._is_pending = True
            self._throttler.throttle()

    def _tell(self) -> None:
        self._is_pending = False
        self.changed.emit(self.number)
