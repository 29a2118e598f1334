"""Changes of the class set: shown at once, stored off the GUI thread, followed by saved masks."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from weclip_napari.session.class_edits import Touched, count
from weclip_napari.session.class_table import KEYS
from weclip_napari.session.file_errors import not_saved

if TYPE_CHECKING:
    from collections.abc import Callable

    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.session.annotation import AnnotationStore
    from weclip_napari.session.class_edits import ClassEdit
    from weclip_napari.session.class_journal import Outcome
    from weclip_napari.session.class_table import ClassTable, LabelClass

STORE_MS = 1000
PROGRESS_SECONDS = 0.05
MODIFIER = "Alt"


class ClassWork(QObject):
    """What the annotator does with its folder's classes.

    Signals
    -------
    editing_changed(bool)
        Saved files are being changed, or no more; nobody may draw meanwhile.
    progress(int, int)
        How many files of an edit are done, and of how many.
    painting_with(int)
        The brush paints another class, by its label id.
    """

    editing_changed = Signal(bool)
    progress = Signal(int, int)
    painting_with = Signal(int)

    def __init__(self, annotator: Annotator) -> None:
        super().__init__(annotator)
        self._annotator = annotator
        self._unstored: AnnotationStore | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._store)

    @property
    def classes(self) -> ClassTable | None:
        """The classes of the open folder."""
        workspace = self._annotator.workspace
        return workspace.store.classes if workspace else None

    def changed(self) -> None:
        """Show, store and use classes or prompts that were changed in the table."""
        self.store_later()
        self._annotator.refresh_classes()
        self._annotator.propose_again()

    def replace(self, label_class: LabelClass) -> None:
        """Change colour, words, key or threshold of a class.

        Raises
        ------
        UserError
            When the table refuses it.
        """
        if self.classes is not None and self.classes.by_id(label_class.id) != label_class:
            self.classes.replace(label_class)
            self.changed()

    def store_later(self) -> None:
        """Write the class table soon; many changes in a row are written once."""
        workspace = self._annotator.workspace
        if workspace is not None and not workspace.read_only:
            self._unstored = workspace.store
            self._timer.start(STORE_MS)

    def store_now(self) -> None:
        """Write at once, off the GUI thread, what waits to be written."""
        self._timer.stop()
        self._store()

    def paint_with(self, label_id: int) -> None:
        """Make a class the one that the brush paints."""
        mask = self._annotator.layers.mask
        if mask is not None:
            mask.layer.selected_label = label_id
        self.painting_with.emit(label_id)

    def paint_with_key(self, key: str) -> None:
        """Make the class of a number key the one that the brush paints."""
        label_class = self.classes.by_key(key) if self.classes is not None else None
        if label_class is None:
            self._annotator.noted.emit(f"No class has the key {key}; give it to one in Classes.")
            return
        self.paint_with(label_class.id)
        self._annotator.noted.emit(f"Painting with '{label_class.name}'.")

    def bind_keys(self) -> None:
        """Let Alt and a digit choose a class to paint with."""
        for key in KEYS:
            action = partial(self.paint_with_key, key)
            self._annotator.viewport.bind_key(f"{MODIFIER}+{key}", action)

    def unbind_keys(self) -> None:
        """Give the keys back."""
        for key in KEYS:
            self._annotator.viewport.bind_key(f"{MODIFIER}+{key}", None)

    @property
    def uncounted(self) -> int:
        """How many images of the folder `count` does not know yet."""
        workspace = self._annotator.workspace
        return len(workspace.index.unread_rows()) if workspace else 0

    def count(self, edit: ClassEdit) -> Touched:
        """Count the saved files that an edit touches, by what is known of them."""
        workspace = self._annotator.workspace
        if workspace is None:
            return Touched(0, 0)
        rows = set(workspace.index.stored_rows())
        if self._annotator.is_dirty:
            rows.add(self._annotator.index)  # it is saved before the edit
        summaries = map(self._annotator.summary, rows)
        return count(edit, ((summary, summary.label_ids) for summary in summaries))

    def edit(self, edit: ClassEdit) -> None:
        """Rename, merge or delete a class in all saved files, after saving the open image."""
        self._annotator.cancel()
        self._annotator.prefetcher.drop()
        self._annotator.layers.freeze()
        self.editing_changed.emit(True)
        self._edit_once_saved(edit)

    def _edit_once_saved(self, edit: ClassEdit) -> None:
        annotator, workspace = self._annotator, self._annotator.workspace
        if workspace is None:
            self.editing_changed.emit(False)
        elif annotator.saver.is_writing or annotator.is_dirty:
            annotator.saver.save(lambda: self._edit_once_saved(edit), self._give_up)
        else:
            workspace.leave()  # so that nothing of the old classes is saved from here on
            workspace.outdate()
            annotator.layers.freeze()  # another image may have come while it was saved
            work = partial(workspace.edit_classes, edit, _now_and_then(self.progress.emit))
            annotator.files.run(work, partial(self._on_edited, edit), self._on_failed)

    def _on_edited(self, edit: ClassEdit, outcome: Outcome) -> None:
        masks, sidecars = f"{outcome.masks} masks", f"{outcome.sidecars} sidecars"
        self._annotator.noted.emit(f"{edit}: {masks} and {sidecars} were changed.")
        for problem in list(outcome.problems.values())[:1]:
            more = f" ({len(outcome.problems)} images in all)" if len(outcome.problems) > 1 else ""
            self._annotator.failed.emit(
                f"{problem}{more} It is tried again when the folder is opened the next time."
            )
        self._finish()

    def _on_failed(self, reason: str) -> None:
        self._annotator.failed.emit(reason)
        self._finish()

    def _finish(self) -> None:
        """Show the open image as its files are now; what was undoable is of the old classes."""
        self.editing_changed.emit(False)
        self._annotator.classes_changed.emit()
        self._annotator.rows_changed.emit()
        self._annotator.navigator.reopen()

    def _give_up(self) -> None:
        """Go on with the open image, which could not be saved, so that nothing is lost."""
        self.editing_changed.emit(False)
        if self._annotator.layers.mask is not None:
            self._annotator.layers.mask.is_editable = True

    def _store(self) -> None:
        if self._unstored is not None:
            work = partial(_write, self._unstored)
            self._unstored = None
            self._annotator.files.run(work, lambda _: None, self._annotator.failed.emit)


def _now_and_then(progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Pass on progress as often as it can be seen, and when all is done."""
    last = 0.0

    def pass_on(done: int, of: int) -> None:
        nonlocal last
        if done == of or time.monotonic() - last > PROGRESS_SECONDS:
            last = time.monotonic()
            progress(done, of)

    return pass_on


def _write(store: AnnotationStore) -> None:
    try:
        store.write_classes()
    except OSError as error:
        raise not_saved(store.class_path, error) from error
