"""A folder of images being worked on: which image is open, what is unsaved, what is stored."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weclip_napari.errors import UserError
from weclip_napari.session.annotation import Annotation, AnnotationStore
from weclip_napari.session.class_journal import Outcome, apply_edit, finish_pending
from weclip_napari.session.dataset import images_folder
from weclip_napari.session.folder_index import FolderIndex
from weclip_napari.session.folder_lock import FolderLock
from weclip_napari.session.images import MASK_FOLDER, list_images, read_image
from weclip_napari.session.listed import listed_classes, listed_tags
from weclip_napari.session.mask_files import scan
from weclip_napari.session.open_image import OpenImage, Snapshot, open_image, same_bytes
from weclip_napari.session.states import REVIEWED, State
from weclip_napari.session.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from weclip_napari.session.annotation import Measures
    from weclip_napari.session.class_edits import ClassEdit

    Mask = NDArray[np.uint8]

__all__ = ["OpenImage", "Snapshot", "Workspace"]


class Workspace:
    """A folder of images and their annotations.

    Parameters
    ----------
    folder
        A folder of images, or a data set folder, whose classes and tags are then taken over.

    Raises
    ------
    UserError
        When the folder holds no images, or its classes cannot be read.

    Attributes
    ----------
    read_only
        Why nothing can be saved, and the remedy; empty when it can.
    problem
        Why tags that came with the images are missing, or an edit of classes is not finished;
        empty when all is well.
    current
        The open image.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = images_folder(folder)
        self.images = list_images(self.folder)
        self.current: OpenImage | None = None
        self.problem = ""
        self._saved: Snapshot | None = None
        self._entering = threading.Lock()
        self._writes: Counter[int] = Counter()
        self._edits = 0
        self.lock = FolderLock(self.folder)
        self.read_only = self.lock.acquire()
        try:
            self.store = AnnotationStore(self.folder)
            outcome = self._finish_class_edits()
            self._listed = self._read_listed(Path(folder))
            self.index = self._open_index()
        except BaseException:
            self.lock.release()
            raise
        self._note_edited(outcome)

    def name(self, row: int) -> str:
        """Path of an image inside the folder, with forward slashes."""
        return self.index.name(row)

    def read(self, row: int) -> OpenImage:
        """Read an image with its annotation, in any thread; nothing else changes.

        Raises
        ------
        UserError
            When the image or its annotation cannot be read; the index then names the problem.
        """
        path = self.images[row]
        try:
            pixels = read_image(path)
            size = (pixels.shape[0], pixels.shape[1])
            with self.store.lock:
                writes = self._times_written(row)
                annotation = self._load(path, size)
        except UserError as error:
            self.index.set_problem(row, str(error))
            raise
        self.index.set_problem(row, "")
        return open_image(row, path, pixels, annotation, writes)

    def enter(self, image: OpenImage) -> bool:
        """Make an image that was read the open one; the one before is let go, saved or not.

        Returns
        -------
        bool
            False when its files were written since it was read: read it again. The image before
            then stays open.
        """
        with self._entering:
            if image.writes != self._times_written(image.row):
                return False
            self.current, self._saved = image, image.stored
        return True

    def leave(self) -> None:
        """Let go of the open image, saved or not."""
        with self._entering:
            self.current, self._saved = None, None

    def snapshot(
        self,
        mask: Mask,
        tags: tuple[str, ...],
        negative_tags: tuple[str, ...],
        state: State,
        model: str = "",
        measures: Measures | None = None,
    ) -> Snapshot:
        """Note what is to be saved of the open image; `mask` is (H, W) uint8.

        Raises
        ------
        UserError
            When no image is open.
        """
        image = self.current
        if image is None:
            raise UserError("No image is open. Choose one in the list first.")
        human = image.provenance.human(mask)
        annotation = Annotation(mask.copy(), human, tags, negative_tags, state, model, measures)
        return Snapshot(image.row, image.path, annotation, image.provenance.revision)

    def write(self, snapshot: Snapshot) -> Path:
        """Store a snapshot, in any thread, and read it back to be sure of it.

        Raises
        ------
        UserError
            When it cannot be written; the image is then still dirty.
        """
        with self.store.lock:
            self._check_writable()
            self._claim(snapshot.row)
            return self._save(snapshot.row, snapshot.annotation)

    def note_saved(self, snapshot: Snapshot) -> None:
        """Note that a snapshot is on the disk: what was drawn since then is dirty."""
        if self.current is not None and self.current.row == snapshot.row:
            self._saved = snapshot

    def is_dirty(
        self, mask: Mask, tags: tuple[str, ...], negative_tags: tuple[str, ...], state: State
    ) -> bool:
        """Whether the open image's work differs from what is on the disk."""
        if self.current is None or self._saved is None:
            return False
        saved = self._saved.annotation
        return (
            (tags, negative_tags, state) != (saved.tags, saved.negative_tags, saved.state)
            or self.current.provenance.revision != self._saved.revision
            or not same_bytes(mask, saved.mask)  # changed by another plugin, for example
        )

    def next_unreviewed(self, after: int) -> int | None:
        """Give the next row that is neither accepted nor skipped, going on at the start.

        Rows with a problem are left out. Rows that the index has not read are read.
        """
        count = len(self.images)
        rows = ((after + offset) % count for offset in range(1, count + 1))
        unread = set(self.index.unread_rows())
        for row in rows:
            summary = self.index.refresh(row) if row in unread else self.index.summary(row)
            if summary.state not in REVIEWED and not summary.problem and row != after:
                return row
        return None

    def update_unopened(
        self,
        row: int,
        proposed: Mask,
        tags: tuple[str, ...],
        model: str,
        measures: Measures | None = None,
    ) -> bool:
        """Store a proposal for an image that is not open, in any thread.

        Pixels that a person drew stay as they are.

        Parameters
        ----------
        row
            Which image.
        proposed
            Label ids, (H, W) uint8, of the image's size.
        tags
            The tags that it was made for.
        model, measures
            Who made it and how sure it is.

        Returns
        -------
        bool
            False when it was left as it is: it is open, was edited or reviewed, or has other tags.

        Raises
        ------
        UserError
            When it cannot be written.
        """
        with self.store.lock:
            if self.read_only or not self._claim(row, even_if_open=False):
                return False
            stored = self._load(self.images[row], (proposed.shape[0], proposed.shape[1]))
            if stored.state not in (State.TODO, State.PROPOSED) or stored.tags != tags:
                return False
            mask = np.where(stored.human, stored.mask, proposed)
            new = replace(stored, mask=mask, state=State.PROPOSED, model=model, measures=measures)
            self._save(row, new)
        return True

    def edit_classes(
        self, edit: ClassEdit, progress: Callable[[int, int], None] = lambda done, of: None
    ) -> Outcome:
        """Rename, merge or delete a class in all saved files, in any thread.

        Save the open image before, and open it anew afterwards.

        Parameters
        ----------
        edit
            What to do.
        progress
            Told how many files are done, and of how many.

        Raises
        ------
        UserError
            When the folder can only be read, or as `apply_edit` does.
        """
        self._check_writable()
        self._edits += 1
        try:
            outcome = apply_edit(self.store, edit, progress)
        finally:
            self._edits += 1  # what was read meanwhile may be old
        self._listed = {
            image: self.store.classes.present_names(tags) for image, tags in self._listed.items()
        }
        self._note_edited(outcome)
        return outcome

    def close(self) -> None:
        """Let go of the folder; another window may then write in it, this one no more."""
        self.leave()
        self.read_only = f"{self.folder} was closed in this window. Open it again."
        with self.store.lock:
            self.index.close()
            self.lock.release()

    def _load(self, path: Path, size: tuple[int, int]) -> Annotation:
        """Load an annotation; without a sidecar, the tags are those that came with the image."""
        blank = Annotation(np.zeros(size, np.uint8), np.zeros(size, bool))
        stored = self.store.load(path, size) or blank
        return stored if stored.saved else replace(stored, tags=self._listed.get(path, ()))

    def _save(self, row: int, annotation: Annotation) -> Path:
        path = self.store.save(self.images[row], annotation)
        self.index.update(row, summarise(annotation))
        return path

    def _claim(self, row: int, *, even_if_open: bool = True) -> bool:
        """Note that a row is about to be written; False if it must not because it is open."""
        with self._entering:
            is_open = self.current is not None and self.current.row == row
            if is_open and not even_if_open:
                return False
            self._writes[row] += 1
        return True

    def _check_writable(self) -> None:
        if self.read_only:
            raise UserError(self.read_only)

    def _times_written(self, row: int) -> int:
        return self._writes[row] + self._edits

    def _finish_class_edits(self) -> Outcome:
        """Finish what a crash left of an edit of classes."""
        try:
            return Outcome() if self.read_only else finish_pending(self.store)
        except UserError as error:
            self.problem = str(error)
            return Outcome()

    def _note_edited(self, outcome: Outcome) -> None:
        rows = {self.name(row): row for row in range(len(self.images))}
        for name in outcome.images:
            if name in rows:
                self.index.refresh(rows[name])
        for name, problem in outcome.problems.items():
            if name in rows:
                self.index.set_problem(rows[name], problem)

    def _read_listed(self, folder: Path) -> dict[Path, tuple[str, ...]]:
        """Take over the classes that came with a data set, and give the tags."""
        classes = self.store.classes
        for name in classes.present_names(listed_classes(folder)):
            classes.ensure(name)
        tags, problem = listed_tags(folder, self.folder, self.images, classes)
        self.problem = f"{self.problem} {problem}".strip()
        return tags

    def _open_index(self) -> FolderIndex:
        files = scan(self.folder / MASK_FOLDER)
        if not self.read_only:
            for leftover in files.leftovers:
                with contextlib.suppress(OSError):
                    os.unlink(leftover)
        return FolderIndex(
            self.store, self.images, self._listed, files, is_writable=not self.read_only
        )
