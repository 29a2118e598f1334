"""Saving the open image: off the GUI thread, by itself, and whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from weclip_napari.errors import UserError
from weclip_napari.gui.save_state import SaveState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.session.workspace import OpenImage, Snapshot, Workspace

AUTOSAVE_SECONDS = 20


class Saver(QObject):
    """Writes snapshots of the open image.

    Signals
    -------
    changed()
        `state` or `problem` changed.
    failed(str)
        Why a write failed; the image is still dirty.
    saved(object)
        The path that was written.

    Attributes
    ----------
    is_writing
        Whether a write is under way.
    problem
        Why the open image could not be saved the last time; empty when it could.
    """

    changed = Signal()
    failed = Signal(str)
    saved = Signal(object)

    def __init__(self, annotator: Annotator) -> None:
        super().__init__(annotator)
        self.problem = ""
        self._annotator = annotator
        self._newest: Snapshot | None = None
        self.is_writing = False
        self._is_stored = False
        self._waiting: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.autosave)
        self.set_period(AUTOSAVE_SECONDS)

    @property
    def state(self) -> SaveState:
        """Whether the open image's work is on the disk."""
        annotator = self._annotator
        if annotator.current is None:
            return SaveState.EMPTY
        if annotator.is_read_only:
            return SaveState.READ_ONLY
        if self.is_writing:
            return SaveState.SAVING
        if annotator.is_dirty:
            return SaveState.FAILED if self.problem else SaveState.UNSAVED
        return SaveState.SAVED if self._is_stored else SaveState.EMPTY

    def set_period(self, seconds: float) -> None:
        """Save every so many seconds what is not saved."""
        self._timer.start(round(1000 * seconds))

    def stop(self) -> None:
        """Save no more by itself."""
        self._timer.stop()

    def begin(self, image: OpenImage | None) -> None:
        """Start with an image that was just opened; None when it could not be read."""
        self.problem = ""
        self._is_stored = image is not None and bool(image.stored.annotation.saved)
        self.changed.emit()

    def autosave(self) -> None:
        """Save if there are unsaved changes and no stroke is being drawn."""
        if not self.is_writing and not self._annotator.is_drawing and self._annotator.is_dirty:
            self.save(_nothing, _nothing)

    def save(self, on_saved: Callable[[], None], on_failed: Callable[[], None]) -> None:
        """Write the open image's work as it is now, in the background.

        Parameters
        ----------
        on_saved, on_failed
            One of them is called on the GUI thread. While another write is under way, that one
            counts: who needs the newest strokes on the disk asks `is_dirty` again.
        """
        self._waiting.append((on_saved, on_failed))
        if self.is_writing:
            return
        workspace, snapshot = self._snapshot()
        self.is_writing = True
        self.changed.emit()
        self._annotator.files.run(
            lambda: workspace.write(snapshot),
            lambda path: self._on_written(workspace, snapshot, path),
            self._on_failed,
        )

    def save_now(self) -> bool:
        """Write the open image's work and wait for it; False when that failed."""
        is_needed = self.is_writing or self._annotator.is_dirty
        if self._annotator.current is None or not is_needed:
            return True
        workspace, snapshot = self._snapshot()
        try:
            self._annotator.files.run_now(lambda: workspace.write(snapshot))
        except UserError as error:
            self._fail(str(error))
            return False
        self._note(workspace, snapshot)
        return True

    def _snapshot(self) -> tuple[Workspace, Snapshot]:
        workspace, self._newest = self._annotator.workspace, self._annotator.work.snapshot()
        assert workspace is not None  # noqa: S101
        return workspace, self._newest

    def _on_written(self, workspace: Workspace, snapshot: Snapshot, path: Path) -> None:
        self.is_writing = False
        if snapshot is self._newest:  # else the window is closing and has written a newer one
            self._note(workspace, snapshot)
        self.saved.emit(path)
        self._call_waiting(0)

    def _on_failed(self, reason: str) -> None:
        self.is_writing = False
        self._fail(reason)
        self._call_waiting(1)

    def _note(self, workspace: Workspace, snapshot: Snapshot) -> None:
        workspace.note_saved(snapshot)
        self.problem, self._is_stored = "", True
        self._annotator.problems.pop(snapshot.row, None)
        self.changed.emit()

    def _fail(self, reason: str) -> None:
        self.problem = self._annotator.problems[self._annotator.index] = reason
        self.changed.emit()
        self.failed.emit(reason)

    def _call_waiting(self, which: int) -> None:
        waiting, self._waiting = self._waiting, []
        for callbacks in waiting:
            callbacks[which]()


def _nothing() -> None:
    pass
