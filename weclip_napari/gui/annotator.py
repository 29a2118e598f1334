"""What the annotator does, without its panels: open, propose, correct, save, go on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from weclip_napari.errors import UserError
from weclip_napari.gui.affinity_probe import AffinityProbe
from weclip_napari.gui.engine import AffinityKind, Engine, Request
from weclip_napari.gui.jobs import JobRunner
from weclip_napari.gui.layer_data import with_class_ids
from weclip_napari.gui.layers import LayerStack, View
from weclip_napari.gui.mask_layer import MaskLayer
from weclip_napari.gui.save_state import SaveState
from weclip_napari.gui.tuning import Tuning
from weclip_napari.gui.viewport import Viewport
from weclip_napari.session.states import REVIEWED, State
from weclip_napari.session.workspace import OpenImage, Workspace

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    import napari.viewer
    from numpy.typing import NDArray

    from weclip_napari.core.predictor import Proposal
    from weclip_napari.session.class_table import LabelClass

AUTOSAVE_SECONDS = 20


@dataclass(frozen=True)
class TagResult:
    """One tag of a proposal: its class, CLIP probability, source and share of the image."""

    tag: str
    label_class: LabelClass
    score: float
    branch: str
    share: float


class Annotator(QObject):
    """The annotator's work on one viewer.

    Parameters
    ----------
    viewer
        Where the layers are shown.
    engine
        The model; the embedded one by default.

    Signals
    -------
    folder_opened()
        Another folder is open.
    image_opened(int)
        Another image is open, by its row in the folder; also when it could not be read.
    tags_changed()
        The open image has other tags or negative tags.
    proposal_shown(list of TagResult)
        A proposal is in the layers; an empty list when there is none.
    suggestions_shown(list of (str, float))
        Classes that the open image may show, with their scores, best first.
    dirty_changed(bool)
        The open image has unsaved changes, or has none any more.
    save_state_changed()
        `save_state` or `save_problem` changed.
    row_changed(int), rows_changed()
        The state, tags or problem of one image, or of many, changed.
    classes_changed(), tuning_changed()
        Names, colours or thresholds of classes, or the tuning, changed.
    failed(str), noted(str)
        Something to tell the user.

    Attributes
    ----------
    row_order
        Gives the rows in the order in which the user goes through them.
    problems
        What is wrong with images, by row.
    results
        The tags of the proposal that is shown.
    """

    folder_opened = Signal()
    image_opened = Signal(int)
    tags_changed = Signal()
    proposal_shown = Signal(list)
    suggestions_shown = Signal(list)
    dirty_changed = Signal(bool)
    save_state_changed = Signal()
    row_changed = Signal(int)
    rows_changed = Signal()
    classes_changed = Signal()
    tuning_changed = Signal()
    failed = Signal(str)
    noted = Signal(str)

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        engine: Engine | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.engine = engine or Engine()
        self.viewport = Viewport(viewer)
        self.layers = LayerStack(viewer)
        self.jobs = JobRunner(self._is_drawing, self)
        self.batch = JobRunner(parent=self)
        self.probe = AffinityProbe(viewer, self.layers, self._look_up_affinity)
        self.workspace: Workspace | None = None
        self.index = -1
        self.tags: tuple[str, ...] = ()
        self.negative_tags: tuple[str, ...] = ()
        self.state = State.TODO
        self.tuning = Tuning()
        self.propose_on_open = True
        self.proposal: Proposal | None = None
        self.results: list[TagResult] = []
        self.affinity_kind: AffinityKind = "attention"
        self.problems: dict[int, str] = {}
        self.save_problem = ""
        self.row_order: Callable[[], Sequence[int]] = self._all_rows
        self.jobs.failed.connect(self.failed)
        self.batch.failed.connect(self.failed)
        self._autosave_timer = QTimer(self)
        self._autosave_timer.timeout.connect(self.autosave)
        self._autosave_timer.start(1000 * AUTOSAVE_SECONDS)

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be changed here; `workspace.read_only` says why."""
        return bool(getattr(self.workspace, "read_only", ""))

    @property
    def save_state(self) -> SaveState:
        """Whether the open image's work is on the disk."""
        if self.current is None or self.workspace is None:
            return SaveState.EMPTY
        if self.is_read_only:
            return SaveState.READ_ONLY
        if self.is_dirty:
            return SaveState.FAILED if self.save_problem else SaveState.UNSAVED
        is_saved = self.workspace.store.is_saved(self.current.path)
        return SaveState.SAVED if is_saved else SaveState.EMPTY

    @property
    def current(self) -> OpenImage | None:
        """The open image."""
        return self.workspace.current if self.workspace else None

    @property
    def is_dirty(self) -> bool:
        """Whether the open image has unsaved changes."""
        if self.workspace is None or self.layers.mask is None:
            return False
        return self.workspace.is_dirty(self.layers.mask.mask, self.tags)

    def open_folder(self, folder: str | os.PathLike[str]) -> bool:
        """Open a folder at its first image without a mask, after saving the open image."""
        if not self.autosave():
            return False
        try:
            workspace = Workspace(folder)
        except UserError as error:
            self.failed.emit(str(error))
            return False
        self.workspace, self.index, self.problems = workspace, -1, {}
        self.folder_opened.emit()
        is_opened = self.open_image(workspace.first_unsaved())
        if workspace.problem:
            reason = self.problems.get(self.index, "")
            self.failed.emit(f"{workspace.problem} {reason}".rstrip())
        return is_opened

    def open_image(self, index: int) -> bool:
        """Open an image of the folder, after saving the one before.

        Returns
        -------
        bool
            False when the one before could not be saved (it then stays open) or the new one could
            not be read.
        """
        if self.workspace is None or not self.autosave():
            return False
        self.jobs.cancel()
        self.index = index
        try:
            image = self.workspace.open(index)
        except UserError as error:
            self._show_unreadable(index, str(error))
            return False
        self.problems.pop(index, None)
        self._show_image(image)
        return True

    def step(self, offset: int) -> bool:
        """Open the image `offset` rows further; nothing happens beyond either end."""
        if self.workspace is None or not 0 <= self.index + offset < len(self.workspace.images):
            return False
        return self.open_image(self.index + offset)

    def next_unreviewed(self) -> bool:
        """Open the next image that is neither accepted nor skipped, from the start at the end."""
        order = list(self.row_order())
        here = order.index(self.index) if self.index in order else -1
        for row in [*order[here + 1 :], *order[: here + 1]]:
            if row != self.index and self.state not in REVIEWED:
                return self.open_image(row)
        self.noted.emit("Every image of the folder is accepted or skipped.")
        return False

    def accept_and_next(self) -> bool:
        """Accept the open image and open the next unreviewed one."""
        self._set_state(State.ACCEPTED)
        return self.next_unreviewed()

    def skip(self) -> bool:
        """Mark the open image as skipped and open the next unreviewed one."""
        self._set_state(State.SKIPPED)
        return self.next_unreviewed()

    def jump_to(self, text: str) -> bool:
        """Open an image by its number, counted from 1, or by a part of its name."""
        if self.workspace is None:
            return False
        rows = range(len(self.workspace.images))
        if text.strip().isdigit() and int(text) - 1 in rows:
            return self.open_image(int(text) - 1)
        wanted = text.strip().casefold()
        found = [row for row in rows if wanted in self.workspace.name(row).casefold()]
        if not wanted or not found:
            self.failed.emit(f"No image is called '{text}' or has that number.")
            return False
        return self.open_image(found[0])

    def try_again(self) -> bool:
        """Open the folder again where it is read-only, in case it can be written by now."""
        return self.workspace is not None and self.open_folder(self.workspace.folder)

    def type_tags(self, tags: tuple[str, ...]) -> None:
        """Take over what the user typed; it is saved with the mask."""
        negative = tuple(tag for tag in self.negative_tags if tag not in tags)
        self._set_tags(tags, negative)

    def reject_tag(self, tag: str) -> None:
        """Note that the image does not show a tag."""
        tags = tuple(other for other in self.tags if other != tag)
        self._set_tags(tags, tuple(dict.fromkeys((*self.negative_tags, tag))))

    def unreject_tag(self, tag: str) -> None:
        """Forget that a tag was rejected."""
        self._set_tags(self.tags, tuple(other for other in self.negative_tags if other != tag))

    def suggest_tags(self) -> None:
        """Rank the folder's and the decoder's classes for the open image: `suggestions_shown`."""
        self.suggestions_shown.emit([])

    def propose(self) -> None:
        """Propose masks for the open image's tags; the result arrives as `proposal_shown`."""
        if self.current is None:
            self.failed.emit("No image is open. Open a folder, or the sample scenes, first.")
            return
        if not self.tags:
            self.failed.emit("Type at least one tag, such as 'dog', then propose.")
            return
        request = Request(self.current.digest, self.current.pixels, self.tags, self.tuning.branch)
        self.jobs.start(lambda report: self.engine.propose(request, report), self._show_proposal)

    def tune(self, **changes: Any) -> None:
        """Change the tuning, such as ``branch="cam"``, and propose again if masks are shown."""
        tuning = replace(self.tuning, **changes)
        if tuning != self.tuning:
            self.tuning = tuning
            self.tuning_changed.emit()
            self._propose_again()

    def set_threshold(self, tag: str, threshold: float) -> None:
        """Change the threshold of a tag's class, in [0, 1], and propose again."""
        self.classes_changed.emit()
        self._propose_again()

    def propose_all(self) -> None:
        """Propose in the background for all unreviewed images that have tags; see `batch`."""
        self.failed.emit("No image of the folder has tags and waits for a proposal.")

    def cancel(self) -> None:
        """Stop the work in the background; what is drawn stays."""
        self.jobs.cancel()
        self.batch.cancel()

    def refresh_classes(self) -> None:
        """Show names and colours of the classes after they were edited."""
        if self.workspace is not None and self.layers.mask is not None:
            self.layers.mask.show_classes(self.workspace.store.classes)
        self.classes_changed.emit()

    def show_view(self, view: View) -> None:
        """Show one thing over the image, for the chosen tag, or all things side by side."""
        self.layers.show_view(view)
        self._show_central_affinity()

    def choose_tag(self, result: TagResult) -> None:
        """Make a tag the one to look at, and its class the one that the brush paints."""
        self.layers.tag = result.tag
        if self.layers.mask is not None:
            self.layers.mask.layer.selected_label = result.label_class.id

    def undo(self) -> None:
        """Take back the last stroke or proposal of the open image."""
        if self.layers.mask is not None:
            self.layers.mask.undo()

    def redo(self) -> None:
        """Do the last undone step of the open image again."""
        if self.layers.mask is not None:
            self.layers.mask.redo()

    def save(self) -> bool:
        """Save the open image's mask; on failure it stays unsaved and the reason is told."""
        if self.workspace is None or self.layers.mask is None:
            self.failed.emit("There is nothing to save: no image is open.")
            return False
        try:
            path = self.workspace.save(self.layers.mask.mask, self.tags)
        except UserError as error:
            self.save_problem = self.problems[self.index] = str(error)
            self.save_state_changed.emit()
            self.failed.emit(str(error))
            return False
        self.save_problem = ""
        self.problems.pop(self.index, None)
        self._tell_dirty()
        self.row_changed.emit(self.index)
        self.noted.emit(f"Saved {path.relative_to(self.workspace.folder)}")
        return True

    def autosave(self) -> bool:
        """Save if there are unsaved changes; False when that failed."""
        return not self.is_dirty or self.save()

    def close(self) -> bool:
        """Save, take the layers away and let go of the viewer.

        Returns
        -------
        bool
            False when saving failed; the layers then stay in the viewer, so that nothing is lost.
        """
        is_saved = self.autosave()
        self._autosave_timer.stop()
        self.jobs.cancel()
        self.probe.stop()
        if self.layers.mask is not None:
            self.layers.mask.stop()
        if is_saved:
            self.layers.clear()
        return is_saved

    def _show_image(self, image: OpenImage) -> None:
        assert self.workspace is not None  # noqa: S101
        self.tags, self.negative_tags, self.state = image.tags, (), State.TODO
        self.save_problem = ""
        classes = self.workspace.store.classes
        mask = MaskLayer(image.mask, image.provenance, classes, self._on_mask_changed)
        self.layers.show_image(image.pixels, mask)
        self._show_results(None, [])
        self.image_opened.emit(self.index)
        self.tags_changed.emit()
        self._tell_dirty()
        request = Request(image.digest, image.pixels)
        self.jobs.start(lambda report: self.engine.prepare(request, report), lambda _: None)

    def _show_unreadable(self, index: int, message: str) -> None:
        self.problems[index] = message
        self.layers.clear()
        self.tags, self.negative_tags, self.state = (), (), State.TODO
        self._show_results(None, [])
        self.image_opened.emit(index)
        self.tags_changed.emit()
        self._tell_dirty()
        self.failed.emit(message)

    def _show_proposal(self, proposal: Proposal) -> None:
        assert self.workspace is not None  # noqa: S101
        assert self.layers.mask is not None  # noqa: S101
        try:
            classes = [self.workspace.store.ensure_class(tag) for tag in proposal.tags]
        except UserError as error:
            self.failed.emit(str(error))
            return
        self.layers.mask.show_classes(self.workspace.store.classes)
        self.layers.show_proposal(proposal)
        ids = [label_class.id for label_class in classes]
        self.layers.mask.propose(with_class_ids(proposal.label_map, ids))
        results = _tag_results(proposal, classes)
        self.choose_tag(next(result for result in results if result.tag == self.layers.tag))
        self._show_central_affinity()
        self._show_results(proposal, results)
        self.noted.emit(" ".join(proposal.notes))

    def _look_up_affinity(self, y: int, x: int) -> NDArray[np.float32] | None:
        if self.current is None:
            return None
        try:
            return self.engine.affinity(self.current.digest, y, x, self.affinity_kind)
        except UserError as error:  # such as: nothing was learned without a decoder
            self.failed.emit(str(error))
            return None

    def _show_central_affinity(self) -> None:
        """Show the affinity of the patch in the middle until the cursor chooses another."""
        if self.current is not None:
            height, width = self.current.size
            self.probe.show(height // 2, width // 2)

    def _is_drawing(self) -> bool:
        """Whether a stroke is being drawn: a proposal inside it would not be an undo step."""
        return self.layers.mask is not None and self.layers.mask.is_being_drawn

    def _on_mask_changed(self) -> None:
        self._tell_dirty()

    def _all_rows(self) -> Sequence[int]:
        return range(len(self.workspace.images)) if self.workspace else ()

    def _set_tags(self, tags: tuple[str, ...], negative: tuple[str, ...]) -> None:
        if (tags, negative) != (self.tags, self.negative_tags):
            self.tags, self.negative_tags = tags, negative
            self.tags_changed.emit()
            self._tell_dirty()

    def _set_state(self, state: State) -> None:
        if self.current is not None:
            self.state = state
            self._tell_dirty()
            self.row_changed.emit(self.index)

    def _show_results(self, proposal: Proposal | None, results: list[TagResult]) -> None:
        self.proposal, self.results = proposal, results
        self.proposal_shown.emit(results)

    def _propose_again(self) -> None:
        if self.proposal is not None:
            self.propose()

    def _tell_dirty(self) -> None:
        self.dirty_changed.emit(self.is_dirty)
        self.save_state_changed.emit()


def _tag_results(proposal: Proposal, classes: list[LabelClass]) -> list[TagResult]:
    shares = [float(np.mean(proposal.label_map == i + 1)) for i in range(len(classes))]
    scores = [float(score) for score in proposal.scores]
    rows = zip(proposal.tags, classes, scores, proposal.branches, shares, strict=True)
    return [TagResult(*row) for row in rows]
