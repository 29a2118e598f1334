"""Reading what is stored of a folder's images, where the index does not know it yet."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from weclip_napari.session.folder_index import FolderIndex

BATCH = 100


class IndexReader(QObject):
    """Brings an index up to date in a thread.

    Signals
    -------
    rows_read()
        More rows are known.
    """

    rows_read = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, index: FolderIndex) -> None:
        """Read all that an index does not know, in place of what is being read for another."""
        self.stop()
        self._is_stopped = threading.Event()
        arguments = (index, self._is_stopped)
        self._thread = threading.Thread(target=self._read, args=arguments, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read no more; waits for the file that is being read."""
        self._is_stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _read(self, index: FolderIndex, is_stopped: threading.Event) -> None:
        rows = index.unread_rows()
        for done, row in enumerate(rows, 1):
            if is_stopped.is_set():
                return
            index.refresh(row)
            if done % BATCH == 0 or done == len(rows):
                self.rows_read.emit()
