"""What the annotator does, without its panels: open, propose, correct, save, go on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from weclip_napari.errors import UserError
from weclip_napari.gui.affinity_probe import AffinityProbe
from weclip_napari.gui.annotator_state import AnnotatorState
from weclip_napari.gui.batch import Batch
from weclip_napari.gui.class_work import ClassWork
from weclip_napari.gui.engine import AffinityKind, Engine
from weclip_napari.gui.file_thread import FileThread
from weclip_napari.gui.folder_model import FolderModel
from weclip_napari.gui.index_reader import IndexReader
from weclip_napari.gui.jobs import JobRunner
from weclip_napari.gui.layers import LayerStack, View
from weclip_napari.gui.navigator import Navigator
from weclip_napari.gui.open_work import OpenWork
from weclip_napari.gui.opening import Opening
from weclip_napari.gui.prefetch import Prefetcher
from weclip_napari.gui.proposer import Proposer
from weclip_napari.gui.resumption import Resumption
from weclip_napari.gui.saver import Saver
from weclip_napari.gui.viewport import Viewport
from weclip_napari.gui.wiring import connect
from weclip_napari.session.states import State

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    import napari.viewer
    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtCore import QObject

    from weclip_napari.gui.tag_result import TagResult
    from weclip_napari.session.folder_index import Summary

BREATH_MS = 10


class Annotator(AnnotatorState):
    """The annotator's work on one viewer; the panels talk to nothing else.

    Parameters
    ----------
    viewer
        Where the layers are shown.
    engine
        The model; the embedded one by default.

    Attributes
    ----------
    row_order
        Gives the rows in the order in which the user goes through them.
    jobs, batch
        The work for the open image, and the proposals for a whole folder.
    overrule
        Whether proposals also replace what the user drew.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        engine: Engine | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.engine = engine or Engine()
        self.viewport = Viewport(viewer)
        self.layers = LayerStack(self.viewport, lambda step: QTimer.singleShot(BREATH_MS, step))
        self.layers.on_complete = self.show_central_affinity
        self.probe = AffinityProbe(self.viewport, self.layers, self._look_up_affinity)
        self.affinity_kind: AffinityKind = "attention"
        self.overrule = False
        self.row_order: Callable[[], Sequence[int]] = self._all_rows
        self.jobs = JobRunner(lambda: self.is_drawing, self)
        self.batch = JobRunner(parent=self)
        self.files = FileThread(self)
        self.work = OpenWork(self)
        self.saver = Saver(self)
        self.prefetcher = Prefetcher(self.engine)
        self.proposer = Proposer(self)
        self.navigator = Navigator(self)
        self.resumption = Resumption(self)
        self.index_reader = IndexReader(self)
        self.folder_batch = Batch(self)
        self.folder_model = FolderModel(self)
        self.class_work = ClassWork(self)
        self.opening = Opening(self)
        connect(self)

    def summary(self, row: int) -> Summary:
        """Tell what is known of an image; of the open one, as it is now."""
        assert self.workspace is not None  # noqa: S101
        known = self.workspace.index.summary(row)
        if row != self.index or self.current is None:
            return known
        return replace(
            known,
            state=self.state,
            tags=self.tags,
            negative_tags=self.negative_tags,
            measures=self.work.measures,
        )

    def open_folder(self, folder: str | os.PathLike[str]) -> bool:
        """Open a folder where it was left, after saving the open image; `folder_opened` tells."""
        self.class_work.store_now()
        return self.navigator.open_folder(folder)

    def open_image(self, row: int) -> bool:
        """Open an image, after saving the open one; `image_opened` tells when it is there.

        Returns
        -------
        bool
            Whether it is on its way; False when there is no such row.
        """
        return self.navigator.open_image(row)

    def step(self, offset: int) -> bool:
        """Open the image `offset` rows further in the table."""
        return self.navigator.step(offset)

    def next_unreviewed(self) -> bool:
        """Open the next image that is neither accepted nor skipped."""
        return self.navigator.next_unreviewed()

    def accept_and_next(self) -> bool:
        """Accept the open image and open the next unreviewed one."""
        return self.navigator.judge(State.ACCEPTED)

    def skip(self) -> bool:
        """Mark the open image as skipped and open the next unreviewed one."""
        return self.navigator.judge(State.SKIPPED)

    def jump_to(self, text: str) -> bool:
        """Open an image by its number in the folder, from 1, or by a part of its name."""
        return self.navigator.jump_to(text)

    def try_again(self) -> bool:
        """Open the folder again where it is read-only, in case it can be written by now."""
        return self.workspace is not None and self.open_folder(self.workspace.source)

    def type_tags(self, tags: tuple[str, ...]) -> None:
        """Take over what the user typed; it is saved with the mask."""
        typed = {tag.casefold() for tag in tags}
        negative = tuple(tag for tag in self.negative_tags if tag.casefold() not in typed)
        self.work.set_tags(tags, negative)

    def reject_tag(self, tag: str) -> None:
        """Note that the image does not show a tag."""
        tags, negative = _without(self.tags, tag), _without(self.negative_tags, tag)
        self.work.set_tags(tags, (*negative, tag))

    def unreject_tag(self, tag: str) -> None:
        """Forget that a tag was rejected."""
        self.work.set_tags(self.tags, _without(self.negative_tags, tag))

    def suggest_tags(self) -> None:
        """Rank the folder's and the decoder's classes for the open image: `suggestions_shown`."""
        self.proposer.suggest()

    def propose(self) -> None:
        """Propose masks for the open image's tags; the result arrives as `proposal_shown`."""
        self.proposer.propose()

    def propose_again(self) -> None:
        """Bring the shown proposal up to date with tuning and classes."""
        self.proposer.propose_again()

    def tune(self, **changes: Any) -> None:
        """Change the tuning, such as ``branch="cam"``, and bring the proposal up to date."""
        self.proposer.tune(**changes)

    def set_threshold(self, tag: str, threshold: float) -> None:
        """Change the threshold of a tag's class, in [0, 1], and bring the proposal up to date."""
        if self.workspace is not None:
            self.proposer.set_threshold(self.workspace.store, tag, threshold)

    def propose_all(self) -> None:
        """Propose in the background for all unreviewed images with tags; see `batch`."""
        self.folder_batch.start()

    def cancel(self) -> None:
        """Stop the work in the background; what is drawn stays."""
        self.proposer.forget_waiting()
        self.jobs.cancel()
        self.batch.cancel()

    def set_overrule(self, is_on: bool) -> None:
        """Let proposals replace what the user drew, until another image is opened."""
        if is_on != self.overrule:
            self.overrule = is_on
            self.overrule_changed.emit(is_on)

    def show_view(self, view: View) -> None:
        """Show one thing over the image, for the chosen tag, or all things side by side."""
        self.layers.show_view(view)
        self.show_central_affinity()
        self.view_changed.emit()

    def choose_tag(self, result: TagResult) -> None:
        """Make a tag the one to look at, and its class the one that the brush paints."""
        self.layers.tag = result.tag
        self.class_work.paint_with(result.label_class.id)

    def show_central_affinity(self) -> None:
        """Show the affinity of the patch in the middle until the cursor chooses another."""
        if self.current is not None:
            height, width = self.current.size
            self.probe.show(height // 2, width // 2)

    def refresh_classes(self) -> None:
        """Show names and colours of the classes after they changed."""
        if self.workspace is not None and self.layers.mask is not None:
            self.layers.mask.show_classes(self.workspace.store.classes)
        self.classes_changed.emit()

    def undo(self) -> None:
        """Take back the last step of the open image."""
        if self.layers.mask is not None:
            self.layers.mask.undo()

    def redo(self) -> None:
        """Do the last undone step of the open image again."""
        if self.layers.mask is not None:
            self.layers.mask.redo()

    def save(self) -> None:
        """Save the open image in the background; `save_state` tells how it went."""
        if self.current is None:
            self.failed.emit("There is nothing to save: no image is open.")
        elif self.is_read_only:
            self.tell_read_only()
        elif self.is_dirty:
            self.autosave()
        else:
            self.noted.emit("Everything is saved.")

    def autosave(self) -> None:
        """Save in the background if there are unsaved changes."""
        self.saver.autosave()

    def save_now(self) -> bool:
        """Save if there are unsaved changes, and wait for it; False when that failed."""
        return self.saver.save_now()

    def tell_read_only(self) -> None:
        """Say why nothing can be changed."""
        if self.workspace is not None:
            self.failed.emit(self.workspace.read_only)

    def close(self, *, keep_layers: bool = False) -> bool:
        """Save and wait for it, take the layers away and let go of folder and viewer.

        Parameters
        ----------
        keep_layers
            Leave the layers to the viewer, as its window closes.

        Returns
        -------
        bool
            False when saving failed; the layers then stay in the viewer, so that nothing is lost.
        """
        is_saved = self.saver.save_now()
        self.saver.stop()
        self.navigator.stop()
        self.cancel()
        self.prefetcher.stop()
        self.index_reader.stop()
        self.probe.stop()
        self.class_work.store_now()
        self.resumption.store_now()
        self.files.stop()
        self.layers.stop()
        if is_saved and not keep_layers:
            self.layers.clear()
        self.viewport.release()
        if self.workspace is not None:
            self.workspace.close()
            self.workspace = None
        return is_saved

    def _look_up_affinity(self, y: int, x: int) -> NDArray[np.float32] | None:
        if self.current is None:
            return None
        try:
            return self.engine.affinity(self.current.digest, y, x, self.affinity_kind)
        except UserError as error:  # such as: nothing was learned without a decoder
            self.failed.emit(str(error))
            return None

    def _all_rows(self) -> Sequence[int]:
        return range(len(self.workspace.images)) if self.workspace else ()


def _without(tags: tuple[str, ...], tag: str) -> tuple[str, ...]:
    """Leave out a tag, upper and lower case alike."""
    return tuple(other for other in tags if other.casefold() != tag.casefold())
