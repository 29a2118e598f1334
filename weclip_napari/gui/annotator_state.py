"""What the panels can know of the annotator: its signals and its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from weclip_napari.core.predictor import Proposal
    from weclip_napari.gui.jobs import JobRunner
    from weclip_napari.gui.layers import LayerStack, View
    from weclip_napari.gui.navigator import Navigator
    from weclip_napari.gui.open_work import OpenWork
    from weclip_napari.gui.proposer import Proposer
    from weclip_napari.gui.save_state import SaveState
    from weclip_napari.gui.saver import Saver
    from weclip_napari.gui.tag_result import TagResult
    from weclip_napari.gui.tuning import Tuning
    from weclip_napari.session.states import State
    from weclip_napari.session.workspace import OpenImage, Workspace


class AnnotatorState(QObject):
    """The signals and the state of an `Annotator`, which says what can be done.

    Signals
    -------
    folder_opened()
        Another folder is open.
    image_opened(int)
        Another image is open, by its row in the folder; also when it could not be read.
    stayed()
        Another image was asked for, but the open one could not be left.
    tags_changed()
        The open image has other tags or negative tags.
    mask_changed()
        The open image's mask changed.
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
    classes_changed(), tuning_changed(), view_changed(), overrule_changed(bool)
        Names, colours or thresholds of classes; the tuning; what lies over the image; whether
        proposals overrule the user's pixels.
    failed(str), noted(str)
        Something to tell the user.

    Attributes
    ----------
    workspace
        The open folder.
    index
        Row of the open image; -1 when there is none.
    problems
        What is wrong with images, by row.
    """

    folder_opened = Signal()
    image_opened = Signal(int)
    stayed = Signal()
    tags_changed = Signal()
    mask_changed = Signal()
    proposal_shown = Signal(list)
    suggestions_shown = Signal(list)
    dirty_changed = Signal(bool)
    save_state_changed = Signal()
    row_changed = Signal(int)
    rows_changed = Signal()
    classes_changed = Signal()
    tuning_changed = Signal()
    view_changed = Signal()
    overrule_changed = Signal(bool)
    failed = Signal(str)
    noted = Signal(str)

    jobs: JobRunner
    layers: LayerStack
    navigator: Navigator
    work: OpenWork
    saver: Saver
    proposer: Proposer

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace: Workspace | None = None
        self.index = -1
        self.problems: dict[int, str] = {}

    @property
    def current(self) -> OpenImage | None:
        """The open image."""
        return self.workspace.current if self.workspace else None

    @property
    def why_no_image(self) -> str:
        """Why no image is open, and what to do."""
        remedy = "Open a folder, or the sample scenes, first."
        return f"No image is open. {self.problems.get(self.index, remedy)}"

    @property
    def tags(self) -> tuple[str, ...]:
        """What the open image shows."""
        return self.work.tags

    @property
    def negative_tags(self) -> tuple[str, ...]:
        """What the user said the open image does not show."""
        return self.work.negative_tags

    @property
    def state(self) -> State:
        """How far the work on the open image has come."""
        return self.work.state

    @property
    def is_dirty(self) -> bool:
        """Whether the open image has unsaved changes."""
        return self.work.is_dirty

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be changed here; `workspace.read_only` says why."""
        return self.workspace is not None and bool(self.workspace.read_only)

    @property
    def is_drawing(self) -> bool:
        """Whether a stroke is being drawn."""
        return self.layers.mask is not None and self.layers.mask.is_being_drawn

    @property
    def is_idle(self) -> bool:
        """Whether nothing is computed for the open image, shown, saved or read."""
        is_busy = self.jobs.is_busy or self.saver.is_writing or self.navigator.is_moving
        return self.layers.is_complete and not is_busy

    @property
    def save_state(self) -> SaveState:
        """Whether the open image's work is on the disk."""
        return self.saver.state

    @property
    def save_problem(self) -> str:
        """Why the open image could not be saved the last time; empty when it could."""
        return self.saver.problem

    @property
    def tuning(self) -> Tuning:
        """How proposals are made."""
        return self.proposer.tuning

    @property
    def propose_on_open(self) -> bool:
        """Whether an image with tags gets its proposal as it opens; can be set."""
        return self.proposer.on_open

    @propose_on_open.setter
    def propose_on_open(self, is_on: bool) -> None:
        self.proposer.on_open = is_on
        self.tuning_changed.emit()

    @property
    def proposal(self) -> Proposal | None:
        """The proposal that is shown."""
        return self.proposer.proposed.proposal if self.proposer.proposed else None

    @property
    def results(self) -> list[TagResult]:
        """The tags of the proposal that is shown."""
        return self.proposer.results

    @property
    def view(self) -> View:
        """What lies over the image."""
        return self.layers.view
