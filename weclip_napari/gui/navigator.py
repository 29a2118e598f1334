"""Going from image to image: save off the GUI thread, read off the GUI thread, show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from weclip_napari.gui.image_filter import neighbour
from weclip_napari.gui.jobs import HOLD_MS
from weclip_napari.gui.resumption import ReadFolder, read_folder
from weclip_napari.session.dataset import images_folder
from weclip_napari.session.states import REVIEWED, State

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.session.workspace import OpenImage


NO_FOLDER = "No folder is open. Open one, or the sample scenes, first."


class Navigator(QObject):
    """Opens folders and images; the way there is asynchronous, and the newest wish counts.

    What is drawn on the way is saved before the image is left. If that fails it stays open.

    Signals
    -------
    folder_read(object)
        A `ReadFolder` to take the place of the one before.
    image_read(int, object)
        The row to show and its `OpenImage`, or a text that says why it could not be read.
    stayed()
        Going on failed, and the open image is still open.
    """

    folder_read = Signal(object)
    image_read = Signal(int, object)
    stayed = Signal()

    def __init__(self, annotator: Annotator) -> None:
        super().__init__(annotator)
        self._annotator = annotator
        self._trip = 0
        self._target: int | None = None

    @property
    def is_moving(self) -> bool:
        """Whether another image or folder is on its way."""
        return self._target is not None

    def open_folder(self, folder: str | os.PathLike[str]) -> bool:
        """Open a folder in place of the open one: `folder_read` tells when it is there."""
        trip, self._target = self._begin(), -1
        self._leave(trip, lambda: self._read_folder(trip, Path(folder)))
        return True

    def open_image(self, row: int) -> bool:
        """Open an image of the folder; False if there is no such row."""
        workspace = self._annotator.workspace
        if workspace is None or self._target == -1 or not 0 <= row < len(workspace.images):
            return False
        trip, self._target = self._begin(), row
        self._leave(trip, lambda: self._read_image(trip, row))
        return True

    def stop(self) -> None:
        """Go nowhere any more; a folder that is still being read is let go of."""
        self._begin()
        self._target = None

    def reopen(self) -> bool:
        """Read the open image again, after its files were changed."""
        return self.open_image(self._annotator.index)

    def step(self, offset: int) -> bool:
        """Open the image `offset` rows further in the table; stay beyond its ends."""
        if not self._has_folder():
            return False
        row = neighbour(self._annotator.row_order(), self._here(), offset)
        if row is None:
            self._annotator.noted.emit(f"This is the {'last' if offset > 0 else 'first'} image.")
            return False
        return self.open_image(row)

    def next_unreviewed(self) -> bool:
        """Open the next image that is neither accepted nor skipped, going on at the start."""
        if not self._has_folder():
            return False
        order, here = list(self._annotator.row_order()), self._here()
        place = order.index(here) + 1 if here in order else 0
        for row in [*order[place:], *order[:place]]:
            if row != here and self._is_unreviewed(row):
                return self.open_image(row)
        self._annotator.noted.emit("No other image is left to review.")
        return False

    def judge(self, state: State) -> bool:
        """Accept or skip the open image and open the next unreviewed one."""
        annotator = self._annotator
        if self.is_moving:
            return False
        if annotator.current is None:  # it cannot be read, so it cannot be judged
            return self.next_unreviewed()
        if annotator.is_read_only:
            annotator.tell_read_only()
            return False
        annotator.work.set_state(state)
        if not self.next_unreviewed():
            annotator.autosave()
        return True

    def jump_to(self, text: str) -> bool:
        """Open an image by its number in the folder, from 1, or by a part of its name."""
        workspace, wanted = self._annotator.workspace, text.strip().casefold()
        if workspace is None:
            return False
        rows = range(len(workspace.images))
        if wanted.isdigit() and int(wanted) - 1 in rows:
            return self.open_image(int(wanted) - 1)
        names = ((row, workspace.name(row).casefold()) for row in rows)
        row = next((row for row, name in names if wanted and wanted in name), None)
        if row is None:
            self._annotator.failed.emit(f"No image is called '{text}' or has that number.")
            return False
        return self.open_image(row)

    def _has_folder(self) -> bool:
        """Whether a folder is open; says what to do when none is."""
        if self._annotator.workspace is None:
            self._annotator.failed.emit(NO_FOLDER)
        return self._annotator.workspace is not None

    def _here(self) -> int:
        return self._annotator.index if self._target is None else self._target

    def _is_unreviewed(self, row: int) -> bool:
        summary = self._annotator.summary(row)
        return summary.state not in REVIEWED and not summary.problem

    def _begin(self) -> int:
        self._trip += 1
        return self._trip

    def _leave(self, trip: int, then: Callable[[], None]) -> None:
        """Go on once no stroke is being drawn and everything drawn is on the disk."""
        annotator = self._annotator
        if trip != self._trip:
            return
        if annotator.is_drawing:
            QTimer.singleShot(HOLD_MS, lambda: self._leave(trip, then))
        elif annotator.saver.is_writing or annotator.is_dirty:
            annotator.saver.save(lambda: self._leave(trip, then), lambda: self._stay(trip))
        else:
            then()

    def _stay(self, trip: int) -> None:
        if trip == self._trip:
            self._target = None
            self.stayed.emit()

    def _read_image(self, trip: int, row: int) -> None:
        annotator, workspace = self._annotator, self._annotator.workspace
        assert workspace is not None  # noqa: S101
        ahead = annotator.prefetcher.image(row)
        if ahead is not None:
            self._show(trip, row, ahead)
            return
        annotator.files.run(
            lambda: workspace.read(row) if trip == self._trip else None,
            lambda image: self._show(trip, row, image),
            lambda reason: self._show(trip, row, reason),
        )

    def _show(self, trip: int, row: int, image: OpenImage | str | None) -> None:
        """Show what was read, once what was drawn meanwhile is saved as well."""
        if image is not None:
            self._leave(trip, lambda: self._arrive(trip, row, image))

    def _arrive(self, trip: int, row: int, image: OpenImage | str) -> None:
        workspace = self._annotator.workspace
        assert workspace is not None  # noqa: S101
        if isinstance(image, str):
            workspace.leave()
        elif not workspace.enter(image):  # its files were written since
            self._annotator.prefetcher.forget(row)
            self._read_image(trip, row)
            return
        self._target = None
        self.image_read.emit(row, image)

    def _read_folder(self, trip: int, folder: Path) -> None:
        """Read a folder; one that is open here must be closed before, because of its lock."""
        before = self._annotator.workspace
        if before is not None and before.folder.resolve() != images_folder(folder).resolve():
            before = None
        if before is not None:
            self._annotator.class_work.store_now()  # what changed on the way here
            self._annotator.layers.freeze()

        def work() -> ReadFolder:
            if before is not None:
                before.close()
            return read_folder(folder)

        self._annotator.files.run(
            work,
            lambda read: self._arrive_in(trip, read),
            lambda reason: self._fail_folder(trip, reason, is_closed=before is not None),
        )

    def _arrive_in(self, trip: int, folder: ReadFolder) -> None:
        if trip == self._trip:
            self._leave(trip, lambda: self._take_over(folder))
        else:
            folder.workspace.close()

    def _take_over(self, folder: ReadFolder) -> None:
        self._target = None
        self.folder_read.emit(folder)

    def _fail_folder(self, trip: int, reason: str, *, is_closed: bool) -> None:
        self._annotator.failed.emit(reason)
        if is_closed and trip == self._trip:
            self._arrive(trip, self._annotator.index, reason)
        else:
            self._stay(trip)
