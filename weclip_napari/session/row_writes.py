"""Which image is open and how often each was written, so that nobody works on outdated files."""

from __future__ import annotations

import threading
from collections import Counter


class RowWrites:
    """Keeps the open row and the writes to all rows in step, for several threads.

    Attributes
    ----------
    open_row
        The row that is open; None when none is.
    """

    def __init__(self) -> None:
        self.open_row: int | None = None
        self._lock = threading.Lock()
        self._writes: Counter[int] = Counter()
        self._writes_to_all = 0

    def count(self, row: int) -> int:
        """Tell how often a row was written; what was read before with another number is old."""
        return self._writes[row] + self._writes_to_all

    def open(self, row: int, count: int) -> bool:
        """Make a row the open one, if it was not written since it was read at `count`."""
        with self._lock:
            if count != self.count(row):
                return False
            self.open_row = row
            return True

    def close(self) -> None:
        """Let go of the open row."""
        with self._lock:
            self.open_row = None

    def note(self, row: int) -> None:
        """Note that a row is about to be written."""
        with self._lock:
            self._writes[row] += 1

    def note_unopened(self, row: int) -> bool:
        """Note that a row is about to be written, unless it is open: then False."""
        with self._lock:
            if row == self.open_row:
                return False
            self._writes[row] += 1
            return True

    def note_all(self) -> None:
        """Note that any row may be written."""
        with self._lock:
            self._writes_to_all += 1
