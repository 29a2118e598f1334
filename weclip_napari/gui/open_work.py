"""What is known of the open image besides its layers: tags, state, what the model measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from weclip_napari.session.states import State

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.session.annotation import Measures
    from weclip_napari.session.workspace import OpenImage, Snapshot


class OpenWork(QObject):
    """The work on the open image.

    Signals
    -------
    tags_changed()
        The image has other tags or negative tags, or another image is open.
    mask_changed()
        The mask changed.
    changed()
        Something that is saved changed: tags, state or mask.
    """

    tags_changed = Signal()
    mask_changed = Signal()
    changed = Signal()

    def __init__(self, annotator: Annotator) -> None:
        super().__init__(annotator)
        self.tags: tuple[str, ...] = ()
        self.negative_tags: tuple[str, ...] = ()
        self.state = State.TODO
        self.model = ""
        self.measures: Measures | None = None
        self._opened_state = State.TODO
        self._annotator = annotator

    @property
    def is_dirty(self) -> bool:
        """Whether the open image has changes that are not on the disk."""
        workspace, mask = self._annotator.workspace, self._annotator.layers.mask
        if workspace is None or workspace.current is None or mask is None or workspace.read_only:
            return False
        return workspace.is_dirty(mask.mask, self.tags, self.negative_tags, self.state)

    def begin(self, image: OpenImage | None) -> None:
        """Take over what is stored of an image that was just opened; None if there is none."""
        self.tags = image.tags if image else ()
        self.negative_tags = image.negative_tags if image else ()
        self.state = self._opened_state = image.state if image else State.TODO
        self.model = image.model if image else ""
        self.measures = image.measures if image else None
        self.tags_changed.emit()

    def set_tags(self, tags: tuple[str, ...], negative: tuple[str, ...]) -> None:
        """Take over tags and negative tags; nobody can change them in a read-only folder."""
        if self._annotator.is_read_only:
            self._annotator.tell_read_only()
        elif (tags, negative) != (self.tags, self.negative_tags):
            self.tags, self.negative_tags = tags, negative
            self.changed.emit()
        self.tags_changed.emit()

    def set_state(self, state: State) -> None:
        """Take over the user's judgement of the image."""
        self.state = state
        self.changed.emit()

    def note_proposal(self, model: str, measures: Measures) -> None:
        """Note that a proposal was written into the mask, and what it measured."""
        self.model, self.measures = model, measures
        if self.state is State.TODO:
            self.state = State.PROPOSED
        self.changed.emit()

    def note_mask(self) -> None:
        """Tell how far the work is by what the mask holds now, after a stroke, undo or redo."""
        self.state = self._state_of_mask()
        self.mask_changed.emit()
        self.changed.emit()

    def snapshot(self) -> Snapshot:
        """Note everything that is saved, as it is now."""
        workspace, mask = self._annotator.workspace, self._annotator.layers.mask
        assert workspace is not None  # noqa: S101
        assert mask is not None  # noqa: S101
        return workspace.snapshot(
            mask.mask, self.tags, self.negative_tags, self.state, self.model, self.measures
        )

    def _state_of_mask(self) -> State:
        """Read the state off the mask; one that was taken back to what is stored is that again."""
        workspace, layer = self._annotator.workspace, self._annotator.layers.mask
        if workspace is None or layer is None:
            return self.state
        mask = layer.mask
        if not workspace.is_dirty(mask, self.tags, self.negative_tags, self._opened_state):
            return self._opened_state
        if layer.provenance.human(mask).any():
            return State.EDITED
        return State.PROPOSED if mask.any() else State.TODO
