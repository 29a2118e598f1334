"""Small pictures of a folder's images: read in a thread, only those that are looked at."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtGui import QImage, QPixmap

from weclip_napari.errors import UserError
from weclip_napari.session.images import read_thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

SIDE = 96
"""Longer side in pixels: twice what the table shows, for screens of high density."""

MOST_KEPT = 500
"""Pictures in memory: 14 MB at most."""

MOST_WAITING = 48
"""More than a tall table shows; what was scrolled away before its turn is not read."""


class Thumbnails(QObject):
    """The thumbnails of one folder at a time.

    Parameters
    ----------
    read
        Makes an RGB array (h, w, 3) uint8 of a path and a side; called in another thread.

    Signals
    -------
    loaded(int)
        The thumbnail of a row can be had now.
    failed(int, str)
        An image could not be read, and why.
    """

    loaded = Signal(int)
    failed = Signal(int, str)
    _read = Signal(int, int, object)

    def __init__(
        self,
        read: Callable[[Path, int], NDArray[np.uint8]] = read_thumbnail,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._reader = read
        self._lock = threading.Lock()
        self._images: Sequence[Path] = ()
        self._folder_number = 0
        self._waiting: OrderedDict[int, None] = OrderedDict()
        self._taken: set[int] = set()  # out of the queue, and not arrived yet
        self._thread: threading.Thread | None = None
        self._kept: OrderedDict[int, QPixmap | None] = OrderedDict()
        self._read.connect(self._on_read, Qt.ConnectionType.QueuedConnection)

    def set_images(self, images: Sequence[Path]) -> None:
        """Go to another folder; what was asked for in the one before is dropped."""
        with self._lock:
            self._images = images
            self._folder_number += 1
            self._waiting.clear()
            self._taken.clear()
        self._kept.clear()

    def get(self, row: int) -> QPixmap | None:
        """Give a thumbnail; None while it is not read, which begins now, or cannot be read."""
        if row in self._kept:
            self._kept.move_to_end(row)
            return self._kept[row]
        with self._lock:
            if row not in self._taken:
                self._ask_for(row)
        return None

    def stop(self) -> None:
        """Drop what is waiting, and wait for the image being read."""
        self.set_images(())
        thread = self._thread
        if thread is not None:
            thread.join()

    def _ask_for(self, row: int) -> None:
        self._waiting[row] = None
        self._waiting.move_to_end(row)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
        if self._thread is None:
            self._thread = threading.Thread(target=self._read_waiting, daemon=True)
            self._thread.start()

    def _read_waiting(self) -> None:
        """Read what is waiting, the newest first; called in the thread."""
        while (job := self._next_job()) is not None:
            folder_number, row, path = job
            result: QImage | str
            try:
                result = _to_qimage(self._reader(path, SIDE))
            except UserError as error:
                result = str(error)
            with contextlib.suppress(RuntimeError):  # the panel was closed meanwhile
                self._read.emit(folder_number, row, result)

    def _next_job(self) -> tuple[int, int, Path] | None:
        with self._lock:
            if not self._waiting:
                self._thread = None  # the next wish starts another
                return None
            row, _ = self._waiting.popitem(last=True)
            self._taken.add(row)
            return self._folder_number, row, self._images[row]

    def _on_read(self, folder_number: int, row: int, result: QImage | str) -> None:
        if folder_number != self._folder_number:
            return
        with self._lock:
            self._taken.discard(row)
        self._kept[row] = QPixmap.fromImage(result) if isinstance(result, QImage) else None
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        if isinstance(result, str):
            self.failed.emit(row, result)
        else:
            self.loaded.emit(row)


def _to_qimage(picture: NDArray[np.uint8]) -> QImage:
    height, width = picture.shape[:2]
    content = picture.tobytes()
    image = QImage(content, width, height, 3 * width, QImage.Format.Format_RGB888)
    return image.copy()  # which owns its memory
