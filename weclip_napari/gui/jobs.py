"""Work off the GUI thread: one job counts at a time, its results arrive on the GUI thread.

A newer job replaces the running one; what the old one still brings is dropped. An error of any
kind becomes a message, so that nothing that was drawn is lost by it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Qt, QTimer, Signal

from weclip_napari.gui.file_thread import message_of

if TYPE_CHECKING:
    from collections.abc import Callable

HOLD_MS = 30


class _CancelledError(Exception):
    """Raised inside a job at the stage where it was cancelled."""


class Progress:
    """Given to a job, to tell how far it is; both ways of telling raise once it is cancelled."""

    def __init__(self, tell: Callable[[str, Any], None]) -> None:
        self._tell = tell

    def __call__(self, stage: str) -> None:
        """Tell what is done next."""
        self._tell("stage", stage)

    def progress(self, done: int, total: int) -> None:
        """Tell how many parts are done."""
        self._tell("progress", (done, total))


class _Job:
    """One piece of work: what to do, whom to tell, and whether it still counts."""

    def __init__(
        self,
        work: Callable[[Progress], Any],
        on_success: Callable[[Any], None],
        tell: Callable[[_Job, str, Any], None],
    ) -> None:
        self.on_success = on_success
        self.is_cancelled = False
        self._work = work
        self._tell = tell

    def run(self) -> None:
        """Do the work; called in the worker's thread."""
        try:
            result = self._work(Progress(self._report))
        except _CancelledError:
            self._tell(self, "cancelled", None)
        except Exception as error:  # whatever it is, the user must see it
            self._tell(self, "failed", message_of(error))
        else:
            self._tell(self, "succeeded", result)

    def _report(self, what: str, content: Any) -> None:
        if self.is_cancelled:
            raise _CancelledError
        self._tell(self, what, content)


class JobRunner(QObject):
    """Runs jobs off the GUI thread and passes on what the newest one says.

    Parameters
    ----------
    must_wait
        Whether results have to wait now, such as for the end of a stroke; the job then still runs
        as far as anyone can tell, so it can be cancelled or replaced.

    Signals
    -------
    stage(str)
        What the job does now.
    progress(int, int)
        How many parts of the job are done, and how many there are.
    failed(str)
        Why it failed.
    busy_changed(bool)
        Whether a job that counts is running.
    """

    stage = Signal(str)
    progress = Signal(int, int)
    failed = Signal(str)
    busy_changed = Signal(bool)
    _told = Signal(object, str, object)

    def __init__(
        self, must_wait: Callable[[], bool] = lambda: False, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._must_wait = must_wait
        self._current: _Job | None = None
        self._told.connect(self._on_told, Qt.ConnectionType.QueuedConnection)

    @property
    def is_busy(self) -> bool:
        """Whether a job that counts is running."""
        return self._current is not None

    def start(self, work: Callable[[Progress], Any], on_success: Callable[[Any], None]) -> None:
        """Start a job in place of the running one.

        Parameters
        ----------
        work
            Called in another thread with a `Progress`.
        on_success
            Called with the result on the GUI thread, unless the job was cancelled or replaced.
        """
        self.cancel()
        self._current = _Job(work, on_success, self._tell)
        self.busy_changed.emit(True)
        # Napari keeps every worker for as long as its window; it must not keep the image with it.
        handed_over = [self._current]
        create_worker(lambda: handed_over.pop().run(), _start_thread=True)

    def cancel(self) -> None:
        """Drop the running job: it stops at its next stage and its results no longer count."""
        if self._current is not None:
            self._current.is_cancelled = True
            self._current = None
            self.busy_changed.emit(False)

    def _tell(self, job: _Job, what: str, content: Any) -> None:
        """Pass a message to the GUI thread; called in the worker's thread."""
        with contextlib.suppress(RuntimeError):  # the panel was closed meanwhile
            self._told.emit(job, what, content)

    def _on_told(self, job: _Job, what: str, content: Any) -> None:
        if job is not self._current:
            return
        if what == "stage":
            self.stage.emit(content)
            return
        if what == "progress":
            self.progress.emit(*content)
            return
        if self._must_wait():
            QTimer.singleShot(HOLD_MS, lambda: self._on_told(job, what, content))
            return
        self._current = None
        self.busy_changed.emit(False)
        if what == "succeeded":
            job.on_success(content)
        elif what == "failed":
            self.failed.emit(content)
