"""How long the GUI thread is ever kept from the user: the longest gap between ticks of a timer."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer

if TYPE_CHECKING:
    from types import TracebackType

TICK_MS = 2
LOOK_EVERY_S = 0.01


class EventLoopWatch:
    """Measures the event loop of the GUI thread inside a ``with`` block.

    Parameters
    ----------
    stack_after_ms
        Gaps longer than this are looked into: `where` then tells what the GUI thread was doing.

    Attributes
    ----------
    longest_ms
        The longest time in which the event loop did not come round.
    where
        The GUI thread's stack in the longest of the gaps that were looked into; empty if none was.
    """

    def __init__(self, stack_after_ms: float = 50) -> None:
        self.longest_ms = 0.0
        self.where = ""
        self._stack_after_ms = stack_after_ms
        self._stack = ""
        self._last = 0.0
        self._is_over = threading.Event()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def __enter__(self) -> EventLoopWatch:
        """Start measuring; called on the GUI thread."""
        self._gui_thread = threading.get_ident()
        self._last = time.perf_counter()
        self._timer.start(TICK_MS)
        self._looker = threading.Thread(target=self._look, name="event loop watch", daemon=True)
        self._looker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop measuring; a gap that lasts until now counts."""
        self._tick()
        self._timer.stop()
        self._is_over.set()
        self._looker.join()

    def _tick(self) -> None:
        now = time.perf_counter()
        gap_ms = 1000 * (now - self._last)
        if gap_ms > self.longest_ms:
            self.longest_ms = gap_ms
            self.where = self._stack
        self._last, self._stack = now, ""

    def _look(self) -> None:
        """Look at the GUI thread's stack now and then, in a thread of its own."""
        while not self._is_over.wait(LOOK_EVERY_S):
            last = self._last
            if 1000 * (time.perf_counter() - last) < self._stack_after_ms:
                continue
            frame = sys._current_frames().get(self._gui_thread)
            stack = "".join(traceback.format_stack(frame)) if frame else ""
            if last == self._last:  # still the same gap
                self._stack = stack
