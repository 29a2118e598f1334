"""What the annotator does, without its panels: open, propose, correct, save, go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from weclip_napari.errors import UserError
from weclip_napari.gui.affinity_probe import AffinityProbe
from weclip_napari.gui.engine import AffinityKind, Branch, Engine, Request
from weclip_napari.gui.jobs import JobRunner
from weclip_napari.gui.layer_data import with_class_ids
from weclip_napari.gui.layers import LayerStack, View
from weclip_napari.gui.mask_layer import MaskLayer
from weclip_napari.session.workspace import OpenImage, Workspace

if TYPE_CHECKING:
    import os

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
        Another image is open, by its row in the folder.
    proposal_shown(list of TagResult)
        A proposal is in the layers; an empty list when there is none.
    dirty_changed(bool)
        The open image has unsaved changes, or has none any more.
    failed(str), noted(str)
        Something to tell the user.
    """

    folder_opened = Signal()
    image_opened = Signal(int)
    proposal_shown = Signal(list)
    dirty_changed = Signal(bool)
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
        self.layers = LayerStack(viewer)
        self.jobs = JobRunner(self._is_drawing, self)
        self.probe = AffinityProbe(viewer, self.layers, self._look_up_affinity)
        self.workspace: Workspace | None = None
        self.index = -1
        self.tags: tuple[str, ...] = ()
        self.affinity_kind: AffinityKind = "attention"
        self.unreadable: dict[int, str] = {}
        self.jobs.failed.connect(self.failed)
        self._autosave_timer = QTimer(self)
        self._autosave_timer.timeout.connect(self.autosave)
        self._autosave_timer.start(1000 * AUTOSAVE_SECONDS)

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
        self.workspace, self.index, self.unreadable = workspace, -1, {}
        self.folder_opened.emit()
        is_opened = self.open_image(workspace.first_unsaved())
        if workspace.problem:
            reason = self.unreadable.get(self.index, "")
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
        self.unreadable.pop(index, None)
        self._show_image(image)
        return True

    def step(self, offset: int) -> bool:
        """Open the image `offset` rows further; nothing happens beyond either end."""
        if self.workspace is None or not 0 <= self.index + offset < len(self.workspace.images):
            return False
        return self.open_image(self.index + offset)

    def type_tags(self, tags: tuple[str, ...]) -> None:
        """Take over what the user typed; it is saved with the mask."""
        if tags != self.tags:
            self.tags = tags
            self.dirty_changed.emit(self.is_dirty)

    def propose(self, tags: tuple[str, ...], branch: Branch = "auto") -> None:
        """Propose masks for the open image; the result arrives as `proposal_shown`."""
        if self.current is None:
            self.failed.emit("No image is open. Open a folder, or the sample scenes, first.")
            return
        if not tags:
            self.failed.emit("Type at least one tag, such as 'dog', then propose.")
            return
        self.type_tags(tags)
        request = Request(self.current.digest, self.current.pixels, tags, branch)
        self.jobs.start(lambda report: self.engine.propose(request, report), self._show_proposal)

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

    def save(self) -> bool:
        """Save the open image's mask; on failure it stays unsaved and the reason is told."""
        if self.workspace is None or self.layers.mask is None:
            self.failed.emit("There is nothing to save: no image is open.")
            return False
        try:
            path = self.workspace.save(self.layers.mask.mask, self.tags)
        except UserError as error:
            self.failed.emit(str(error))
            return False
        self.dirty_changed.emit(False)
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
        self.tags = image.tags
        classes = self.workspace.store.classes
        mask = MaskLayer(image.mask, image.provenance, classes, self._on_mask_changed)
        self.layers.show_image(image.pixels, mask)
        self.proposal_shown.emit([])
        self.image_opened.emit(self.index)
        self.dirty_changed.emit(False)
        request = Request(image.digest, image.pixels)
        self.jobs.start(lambda report: self.engine.prepare(request, report), lambda _: None)

    def _show_unreadable(self, index: int, message: str) -> None:
        self.unreadable[index] = message
        self.layers.clear()
        self.tags = ()
        self.proposal_shown.emit([])
        self.image_opened.emit(index)
        self.dirty_changed.emit(False)
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
        self.proposal_shown.emit(results)
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
        self.dirty_changed.emit(self.is_dirty)


def _tag_results(proposal: Proposal, classes: list[LabelClass]) -> list[TagResult]:
    shares = [float(np.mean(proposal.label_map == i + 1)) for i in range(len(classes))]
    scores = [float(score) for score in proposal.scores]
    rows = zip(proposal.tags, classes, scores, proposal.branches, shares, strict=True)
    return [TagResult(*row) for row in rows]
