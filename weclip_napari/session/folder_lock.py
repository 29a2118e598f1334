"""One window at a time may write the annotations of a folder.

The lock belongs to the process and is gone with it, however it ends; nothing has to be cleaned up
by hand.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from weclip_napari.session.file_errors import remedy
from weclip_napari.session.images import MASK_FOLDER

if TYPE_CHECKING:
    import os

LOCK_FILE = ".lock"
_ATTEMPTS = 5


class FolderLock:
    """The right to write the annotations of a folder; take it with `acquire`.

    Parameters
    ----------
    folder
        The folder that holds the images.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._place = self._folder / MASK_FOLDER
        self._path = self._place / LOCK_FILE
        self._lock = FileLock(self._path, thread_local=False)
        self._file = 0  # the inode of the locked file

    @property
    def is_held(self) -> bool:
        """Whether this lock is held."""
        return self._lock.is_locked

    def acquire(self) -> str:
        """Take the lock if it is free; never waits.

        Returns
        -------
        str
            Empty, or why the folder can only be read, and the remedy.
        """
        try:
            return self._take_if_free()
        except OSError as error:
            return (
                f"{self._folder} can only be read ({error.strerror or error}), so that nothing is "
                f"saved. {remedy(error)} Then try again."
            )

    def renew(self) -> str:
        """Take the lock again if its file was removed or moved away meanwhile.

        Returns
        -------
        str
            Empty, or that another window has it by now. Where no lock can be made, writing will
            tell what is wrong.
        """
        if not self._is_in_place():
            self._lock.release(force=True)
            with contextlib.suppress(OSError):
                return self._take_if_free()
        return ""

    def release(self) -> None:
        """Let go of the lock and leave no trace of it, nor of a folder that stayed empty."""
        if not self._is_in_place():  # then the file there, if any, is another window's
            self._lock.release(force=True)
            return
        with contextlib.suppress(OSError):  # Windows can only do it afterwards
            self._path.unlink()
        self._lock.release(force=True)
        with contextlib.suppress(OSError):
            self._place.rmdir()

    def _take_if_free(self) -> str:
        try:
            self._take()
        except Timeout:
            return (
                f"{self._folder} is open in another window, so that nothing is saved from this "
                "one. Close it there, then try again."
            )
        return ""

    def _take(self) -> None:
        for attempt in range(_ATTEMPTS):
            self._place.mkdir(exist_ok=True)
            try:
                self._lock.acquire(blocking=False)
                self._file = self._path.stat().st_ino
                return
            except FileNotFoundError:  # another window has just removed the empty folder
                self._lock.release(force=True)
                if attempt == _ATTEMPTS - 1:
                    raise

    def _is_in_place(self) -> bool:
        """Whether the lock is held, and others who open the folder find it so."""
        try:
            return self.is_held and self._path.stat().st_ino == self._file
        except OSError:
            return False
