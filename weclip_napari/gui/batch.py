"""Proposing for a whole folder in the background."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from weclip_napari.errors import UserError
from weclip_napari.gui.tag_result import with_label_ids
from weclip_napari.session.states import State

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.gui.jobs import Progress
    from weclip_napari.gui.recipe import Recipe
    from weclip_napari.session.workspace import Workspace

_WAITING = (State.TODO, State.PROPOSED)


class Batch(QObject):
    """Proposes for all unreviewed images with tags, one after the other, while the user works.

    Signals
    -------
    row_done(int, str)
        An image has its proposal, or the text says why not.
    """

    row_done = Signal(int, str)

    def __init__(self, annotator: Annotator) -> None:
        super().__init__(annotator)
        self._annotator = annotator

    def start_anew(self) -> None:
        """Propose for the whole folder with another model, if anything waits there."""
        annotator, workspace = self._annotator, self._annotator.workspace
        if workspace is None or workspace.read_only:
            return
        rows = [row for row in range(len(workspace.images)) if self._is_waiting(row)]
        if rows:
            self._start(workspace, rows)
        else:
            annotator.batch.cancel()

    def start(self) -> None:
        """Start with those images that nobody has touched or reviewed."""
        annotator, workspace = self._annotator, self._annotator.workspace
        if workspace is None:
            annotator.failed.emit("Open a folder first.")
            return
        if workspace.read_only:
            annotator.tell_read_only()
            return
        rows = [row for row in annotator.row_order() if self._is_waiting(row)]
        if not rows:
            annotator.failed.emit("No image of the list has tags and waits for a proposal.")
            return
        self._start(workspace, rows)

    def _start(self, workspace: Workspace, rows: list[int]) -> None:
        work = partial(self._work, workspace, self._annotator.proposer.recipe(), rows)
        self._annotator.batch.start(work, self._on_done)

    def _is_waiting(self, row: int) -> bool:
        summary = self._annotator.summary(row)
        is_open = row == self._annotator.index
        return summary.state in _WAITING and bool(summary.tags) and not is_open

    def _work(
        self, workspace: Workspace, recipe: Recipe, rows: list[int], report: Progress
    ) -> tuple[int, int]:
        written = failed = 0
        for done, row in enumerate(rows):
            report.progress(done, len(rows))
            report(f"Proposing for {workspace.name(row)}")
            try:
                written += self._propose(workspace, recipe, row, report)
            except UserError as error:
                failed += 1
                self.row_done.emit(row, str(error))
        report.progress(len(rows), len(rows))
        return written, failed

    def _propose(self, workspace: Workspace, recipe: Recipe, row: int, report: Progress) -> bool:
        image = workspace.read(row)
        engine = self._annotator.engine
        request = recipe.request(image, image.tags, image.negative_tags)
        proposal = engine.propose(request, report, ahead=True)
        report(f"Saving {workspace.name(row)}")
        proposed = with_label_ids(proposal, workspace.store)
        is_written = workspace.update_unopened(
            row, proposed.mask, image.tags, engine.fingerprint, proposed.proposal.measures
        )
        self.row_done.emit(row, "")
        return is_written

    def _on_done(self, counts: tuple[int, int]) -> None:
        written, failed = counts
        self._annotator.noted.emit(
            f"Proposed for {written} images." + (f" {failed} could not be used." if failed else "")
        )
