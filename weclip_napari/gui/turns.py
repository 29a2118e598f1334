"""Whose turn it is at the model: one thread at a time, the user's own requests first."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Turns:
    """A lock that work done ahead of time only gets while nobody else waits for it.

    Two threads that compute at once would only slow each other down: each call of torch already
    uses all processors.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_taken = False
        self._urgent = 0

    @contextmanager
    def take(self, *, ahead: bool = False) -> Iterator[None]:
        """Wait for a turn and hold it.

        Parameters
        ----------
        ahead
            Whether this is work done ahead of time, which lets everything else go first.
        """
        self._acquire(ahead=ahead)
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = False
                self._changed.notify_all()

    def _acquire(self, *, ahead: bool) -> None:
        with self._changed:
            self._urgent += not ahead
            try:
                self._changed.wait_for(lambda: not (self._is_taken or (ahead and self._urgent)))
                self._is_taken = True
            finally:
                self._urgent -= not ahead
