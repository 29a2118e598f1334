"""A folder of images being worked on: which image is open, what is unsaved, what is stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weclip_napari.errors import UserError
from weclip_napari.session.annotation import Annotation, AnnotationStore
from weclip_napari.session.class_journal import Outcome, apply_edit, finish_pending
from weclip_napari.session.dataset import images_folder
from weclip_napari.session.folder_index import open_index
from weclip_napari.session.folder_lock import FolderLock
from weclip_napari.session.images import list_images, read_image
from weclip_napari.session.listed import take_over_listed
from weclip_napari.session.open_image import OpenImage, Snapshot, open_image, same_bytes
from weclip_napari.session.row_writes import RowWrites
from weclip_napari.session.states import State
from weclip_napari.session.summary import summarise

if TYPE_CHECKING:
    import os
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
    source
        What was opened: the folder of the images, or the data set folder around it.
    read_only
        Why nothing can be saved, and the remedy; empty when it can.
    problem
        Why tags that came with the images are missing, or an edit of classes is not finished;
        empty when all is well.
    current
        The open image.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.source = Path(folder)
        self.folder = images_folder(folder)
        self.images = list_images(self.folder)
        self.current: OpenImage | None = None
        self.problem = ""
        self._saved: Snapshot | None = None
        self._writes = RowWrites()
        self.lock = FolderLock(self.folder)
        self.read_only = self.lock.acquire()
        try:
            self.store = AnnotationStore(self.folder)
            outcome = self._finish_class_edits()
            self._listed, problem = take_over_listed(self.source, self.store, self.images)
            self.problem = f"{self.problem} {problem}".strip()
            self.index = open_index(
                self.store, self.images, self._listed, is_writable=not self.read_only
            )
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
            with self.store.lock:
                writes = self._writes.count(row)
                annotation = self._load(path, (pixels.shape[0], pixels.shape[1]))
                self.index.compare(row, annotation)
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
        if not self._writes.open(image.row, image.writes):
            return False
        self.current, self._saved = image, image.stored
        return True

    def leave(self) -> None:
        """Let go of the open image, saved or not."""
        self._writes.close()
        self.current, self._saved = None, None

    def outdate(self) -> None:
        """Let no image be entered that was read before now: all files are about to change."""
        self._writes.note_all()

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
            self._writes.note(snapshot.row)
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
            if self.read_only or not self._writes.note_unopened(row):
                return False
            stored = self._load(self.images[row], (proposed.shape[0], proposed.shape[1]))
            if stored.state not in (State.TODO, State.PROPOSED) or stored.tags != tags:
                return False
            mask, state = np.where(stored.human, stored.mask, proposed), State.PROPOSED
            self._save(row, replace(stored, mask=mask, state=state, model=model, measures=measures))
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
        self.outdate()
        try:
            outcome = apply_edit(self.store, edit, progress)
        finally:
            self.outdate()  # what was read meanwhile may be old
        names = self.store.classes.present_names
        self._listed.update({image: names(tags) for image, tags in self._listed.items()})
        self.index.list_again()
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
        is_own = self.store.sidecar_path(path).exists()
        return stored if is_own else replace(stored, tags=self._listed.get(path, ()))

    def _save(self, row: int, annotation: Annotation) -> Path:
        path = self.store.save(self.images[row], annotation)
        self.index.update(row, summarise(annotation))
        return path

    def _check_writable(self) -> None:
        if problem := self.read_only or self.lock.renew():
            raise UserError(problem)

    def _finish_class_edits(self) -> Outcome:
        """Finish what a crash left of an edit of classes."""
        try:
            return Outcome() if self.read_only else finish_pending(self.store)
        except UserError as error:
            self.problem = str(error)
            return Outcome()

    def _note_edited(self, outcome: Outcome) -> None:
        rows = {self.name(row): row for row in range(len(self.images))}
        for name in rows.keys() & outcome.images:
            self.index.refresh(rows[name])
        for name in rows.keys() & outcome.problems.keys():
            self.index.set_problem(rows[name], outcome.problems[name])
